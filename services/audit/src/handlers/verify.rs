//! Walks through a whole chain and says whether anybody touched it.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::TenantId;
use trinity_proto::audit as pb;

use crate::app::App;
use crate::domain::chain::{Break, Link, Walk};
use crate::keys::{Keys, Purpose};
use crate::store::checkpoint::Checkpoint;
use crate::store::event::Place;
use crate::{checkpoints, store};

/// How many records are held at once.
const BATCH: i64 = 500;

/// Recomputes the chain of the caller's tenant, its end and its checkpoints.
///
/// # Errors
/// `Unavailable` when Postgres is away; a broken chain is an answer, not an error.
pub(crate) async fn verify(app: &App, ctx: &RequestContext) -> Result<pb::VerifyChainResponse> {
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    // Why: the chain may grow meanwhile; records, end and checkpoints must be of one moment.
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *tx).await?;
    let mut walk = Walk::new(tenant);
    let found = check(&mut tx, &app.keys, tenant, &mut walk).await?;
    if let Err(wrong) = &found {
        tracing::error!(%tenant, sequence = wrong.sequence, problem = wrong.problem, "an audit chain does not hold");
    }
    let wrong = found.err();
    Ok(pb::VerifyChainResponse {
        valid: wrong.is_none(),
        events: walk.sequence.unsigned_abs(),
        first_bad_sequence: wrong.as_ref().map(|wrong| wrong.sequence.unsigned_abs()),
        head_hash: hex::encode(walk.head),
        problem: wrong.map(|wrong| wrong.problem),
    })
}

/// The outer error is ours, the inner one the chain's.
async fn check(tx: &mut PgConnection, keys: &Keys, tenant: TenantId, walk: &mut Walk) -> Result<Result<(), Break>> {
    let mut place = Place::START;
    loop {
        let links = store::event::walk(tx, tenant, place, BATCH).await?;
        let Some(last) = links.last() else { break };
        place = Place { sequence: last.sequence, created_at: last.record.created_at };
        let checkpoints = store::checkpoint::list(tx, tenant, walk.sequence, last.sequence).await?;
        if let Err(wrong) = check_batch(keys, tenant, walk, &links, &checkpoints) {
            return Ok(Err(wrong));
        }
    }
    check_end(tx, keys, tenant, walk).await
}

fn check_batch(
    keys: &Keys,
    tenant: TenantId,
    walk: &mut Walk,
    links: &[Link],
    checkpoints: &[Checkpoint],
) -> Result<(), Break> {
    let mut checkpoints = checkpoints.iter().peekable();
    for link in links {
        walk.step(link)?;
        while let Some(checkpoint) = checkpoints.next_if(|checkpoint| checkpoint.sequence <= link.sequence) {
            let sequence = checkpoint.sequence;
            let wrong =
                |problem: &str| Err(Break { sequence, problem: format!("the checkpoint at {sequence} {problem}") });
            if !keys.has_signed(Purpose::Checkpoint, tenant, sequence, &hash_of(checkpoint), &checkpoint.signature) {
                return wrong("does not carry our signature");
            }
            if checkpoint.hash != walk.head {
                return wrong("vouches for another record: the chain up to it was written anew");
            }
        }
    }
    Ok(())
}

async fn check_end(tx: &mut PgConnection, keys: &Keys, tenant: TenantId, walk: &Walk) -> Result<Result<(), Break>> {
    let beyond = store::checkpoint::list(tx, tenant, walk.sequence, i64::MAX).await?;
    let signed =
        |at: &&Checkpoint| keys.has_signed(Purpose::Checkpoint, tenant, at.sequence, &hash_of(at), &at.signature);
    if let Some(checkpoint) = beyond.iter().rfind(signed) {
        let first = walk.sequence + 1;
        let problem =
            format!("records {first} to {} are missing at the end: a checkpoint vouches for them", checkpoint.sequence);
        return Ok(Err(Break { sequence: first, problem }));
    }
    if let Some(forged) = beyond.first() {
        let problem = format!("the checkpoint at {} does not carry our signature", forged.sequence);
        return Ok(Err(Break { sequence: forged.sequence, problem }));
    }
    let Some(end) = store::chain::find(tx, tenant).await? else {
        let problem = "the end of the chain is missing".to_owned();
        return Ok(if walk.sequence == 0 { Ok(()) } else { Err(Break { sequence: walk.sequence, problem }) });
    };
    if let Err(wrong) = walk.finish(end.sequence, &end.head) {
        return Ok(Err(wrong));
    }
    if !checkpoints::is_sound(keys, tenant, &end) {
        let problem = "the end of the chain does not carry our signature".to_owned();
        return Ok(Err(Break { sequence: end.sequence, problem }));
    }
    Ok(Ok(()))
}

/// The hash that a checkpoint vouches for; one of another length never matches.
fn hash_of(checkpoint: &Checkpoint) -> [u8; 32] {
    checkpoint.hash.as_slice().try_into().unwrap_or([0xff; 32])
}
