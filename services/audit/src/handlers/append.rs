//! Adds records to their tenants' chains.

use std::collections::{BTreeMap, HashSet};

use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::{EventId, TenantId};
use trinity_proto::audit as pb;

use crate::app::App;
use crate::domain::chain;
use crate::domain::record::Record;
use crate::keys::Purpose;
use crate::{checkpoints, convert, store};

/// Adds events, each tenant's in a transaction of its own, in the order in which they come. What is there already is passed
/// over, so that a batch may be sent again after any failure.
///
/// # Errors
/// `InvalidArgument` bad event: then nothing is added.
pub(crate) async fn append(
    app: &App,
    ctx: &RequestContext,
    request: pb::AppendBatchRequest,
) -> Result<pb::AppendBatchResponse> {
    // Why ordered: two batches lock their tenants' chains in the same order.
    let mut tenants: BTreeMap<TenantId, Vec<Record>> = BTreeMap::new();
    for (at, event) in request.events.into_iter().enumerate() {
        let (tenant, record) = convert::record(at, event)?;
        tenants.entry(tenant).or_default().push(record);
    }
    for (tenant, records) in tenants {
        append_to(app, &ctx.for_tenant(tenant), tenant, records).await?;
    }
    Ok(pb::AppendBatchResponse {})
}

async fn append_to(app: &App, ctx: &RequestContext, tenant: TenantId, mut records: Vec<Record>) -> Result<()> {
    let mut tx = app.db.begin(ctx).await?;
    // Invariant: whoever adds to a chain holds its row, so that sequences have no gaps and hashes one order.
    let end = store::chain::lock(&mut tx, tenant).await?;
    let mut known: HashSet<EventId> = store::event::list_known(&mut tx, tenant, &records).await?.into_iter().collect();
    records.retain(|record| known.insert(record.id));
    let links = chain::extend(tenant, end.sequence, end.head, records);
    let Some(last) = links.last() else { return Ok(()) };
    store::event::insert(&mut tx, tenant, &links).await?;
    // Why: signing an end that somebody else wrote would vouch for it. Records go on being kept, and the verification goes on
    // saying that the end is not ours.
    let sound = checkpoints::is_sound(&app.keys, tenant, &end);
    let signature = if sound { app.keys.sign(Purpose::Head, tenant, last.sequence, &last.hash) } else { Vec::new() };
    store::chain::advance(&mut tx, tenant, last.sequence, &last.hash, &signature).await?;
    if !sound {
        tracing::error!(%tenant, sequence = end.sequence, "the end of an audit chain does not carry our signature");
    } else if checkpoints::is_due(app, &end, last.sequence) {
        checkpoints::write(&mut tx, &app.keys, tenant, last.sequence, &last.hash).await?;
    }
    tx.commit().await?;
    metrics::counter!("trinity_audit_events_total").increment(links.len() as u64);
    Ok(())
}
