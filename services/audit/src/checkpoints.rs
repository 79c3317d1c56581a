//! Signed places of a chain, which stay when the chain's end moves on.

use chrono::{TimeDelta, Utc};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::TenantId;

use crate::app::App;
use crate::domain::chain::{GENESIS, Hash};
use crate::domain::record::Record;
use crate::keys::{Keys, Purpose};
use crate::store;
use crate::store::chain::End;
use crate::store::checkpoint::NewCheckpoint;

/// Whether the end of a chain is one that this service made; a chain without records has nothing to sign.
pub(crate) fn is_sound(keys: &Keys, tenant: TenantId, end: &End) -> bool {
    let begun = end.sequence != 0 || end.head != GENESIS;
    !begun || keys.has_signed(Purpose::Head, tenant, end.sequence, &end.head, &end.signature)
}

/// Whether a chain that now ends at `sequence` needs a checkpoint: it has grown by enough records, or for long enough.
pub(crate) fn is_due(app: &App, before: &End, sequence: i64) -> bool {
    let grown = sequence.abs_diff(before.checkpoint_sequence);
    let old = Utc::now() - before.checkpoint_at >= TimeDelta::seconds(app.checkpoint_interval_s.into());
    grown >= app.checkpoint_events || (grown > 0 && old)
}

/// Signs a place of a chain that the transaction has locked.
pub(crate) async fn write(
    tx: &mut PgConnection,
    keys: &Keys,
    tenant: TenantId,
    sequence: i64,
    hash: &Hash,
) -> Result<()> {
    let signature = keys.sign(Purpose::Checkpoint, tenant, sequence, hash);
    let created_at = Record::stored_time(Utc::now());
    let new = NewCheckpoint { sequence, hash, key_id: keys.key_id(), signature: &signature, created_at };
    store::checkpoint::insert(tx, tenant, &new).await
}

/// Writes the checkpoint of a chain that has moved and then lain still.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub(crate) async fn catch_up(app: &App, ctx: &RequestContext, tenant: TenantId) -> Result<()> {
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let end = store::chain::lock(&mut tx, tenant).await?;
    // Why: a checkpoint must never vouch for an end that this service did not make.
    if is_sound(&app.keys, tenant, &end) && is_due(app, &end, end.sequence) {
        write(&mut tx, &app.keys, tenant, end.sequence, &end.head).await?;
        tx.commit().await?;
    }
    Ok(())
}
