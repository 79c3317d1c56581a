//! Verifying a chain: every link, every checkpoint, and the head.

use std::collections::HashMap;

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::TenantId;
use trinity_proto::audit as pb;

use crate::domain::chain::{Break, Walk};
use crate::store;
use crate::store::chain::Signed;
use crate::wiring::App;

const BATCH: i64 = 2_000;

/// Recomputes the chain of the caller's tenant. Whatever does not fit is named with the first sequence at which it shows.
///
/// # Errors
/// `Unavailable` when Postgres is away; a broken chain is an answer, not an error.
pub async fn chain(app: &App, ctx: &RequestContext, _: pb::VerifyChainRequest) -> Result<pb::VerifyChainResponse> {
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    // Why: head and links must be of one moment, while events go on being added.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *tx).await?;
    let head = store::chain::head(&mut tx, tenant).await?;
    let mut walk = Walk::new(tenant);
    let found = inspect(app, &mut tx, tenant, head.as_ref(), &mut walk).await?;
    tx.commit().await?;
    let (events, hash) = walk.position();
    Ok(pb::VerifyChainResponse {
        valid: found.is_none(),
        events,
        first_bad_sequence: found.as_ref().map(|broken| broken.sequence),
        head_hash: hex::encode(hash),
        problem: found.map(|broken| broken.problem),
    })
}

/// The first thing that does not fit.
async fn inspect(
    app: &App,
    tx: &mut PgConnection,
    tenant: TenantId,
    head: Option<&Signed>,
    walk: &mut Walk,
) -> Result<Option<Break>> {
    let checkpoints: HashMap<u64, Signed> = store::chain::list_checkpoints(tx, tenant)
        .await?
        .into_iter()
        .map(|checkpoint| (checkpoint.sequence.unsigned_abs(), checkpoint))
        .collect();
    let mut passed = 0;
    loop {
        let after = i64::try_from(walk.position().0).unwrap_or(i64::MAX);
        let links = store::event::list_forward(tx, tenant, after, BATCH).await?;
        if links.is_empty() {
            break;
        }
        for link in &links {
            if let Err(broken) = walk.step(link) {
                return Ok(Some(broken));
            }
            if let Some(checkpoint) = checkpoints.get(&link.sequence) {
                passed += 1;
                if let Some(problem) = disagrees(app, tenant, checkpoint, link.sequence, &link.hash) {
                    return Ok(Some(Break { sequence: link.sequence, problem: format!("the checkpoint {problem}") }));
                }
            }
        }
    }
    Ok(at_the_end(app, tenant, head, walk).or_else(|| {
        let (last, _) = walk.position();
        let beyond = checkpoints.keys().copied().filter(|sequence| *sequence > last).min();
        beyond
            .filter(|_| passed < checkpoints.len())
            .map(|sequence| Break { sequence: last + 1, problem: format!("the events up to checkpoint {sequence} are missing") })
    }))
}

/// Whether the chain ends where its head says.
fn at_the_end(app: &App, tenant: TenantId, head: Option<&Signed>, walk: &Walk) -> Option<Break> {
    let (last, hash) = walk.position();
    let Some(head) = head else {
        return (last > 0).then(|| Break { sequence: 1, problem: "the chain has no head".to_owned() });
    };
    let expected = head.sequence.unsigned_abs();
    if expected > last {
        return Some(Break { sequence: last + 1, problem: format!("the events up to {expected} are missing") });
    }
    if expected < last {
        return Some(Break { sequence: expected + 1, problem: format!("events after the head {expected} were added past it") });
    }
    disagrees(app, tenant, head, last, hash).map(|problem| Break { sequence: last, problem: format!("the head {problem}") })
}

/// What is wrong with a signed link, if anything is.
fn disagrees(app: &App, tenant: TenantId, signed: &Signed, sequence: u64, hash: &[u8]) -> Option<String> {
    if signed.hash != hash {
        return Some(format!("at {sequence} has another hash than the chain"));
    }
    if signed.key_id != app.signer.key_id() {
        return Some(format!("at {sequence} was signed with another key ({})", signed.key_id));
    }
    (!app.signer.verifies(tenant, sequence, hash, &signed.signature)).then(|| format!("at {sequence} has a false signature"))
}
