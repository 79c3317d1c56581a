//! Runs that are still starts: shown and cancelled as the runs that they will be.

use sqlx::PgConnection;
use trinity_access::{ObjectKind, Path};
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::RunId;
use trinity_proto::orchestration as pb;

use crate::convert;
use crate::domain::order::Target;
use crate::events;
use crate::jobs::launch;
use crate::jobs::settle::Settled;
use crate::store;
use crate::store::start::Claimed;

/// Finds a start with which the caller may do `permission`.
///
/// # Errors
/// As for a run: `NotFound` also when the caller may not see it; `PermissionDenied`.
async fn find(tx: &mut PgConnection, ctx: &RequestContext, id: RunId, permission: &str) -> Result<Claimed> {
    let start = store::start::find(tx, ctx.tenant()?, id).await?.ok_or_else(|| Error::not_found("run"))?;
    ctx.require(permission, &path(&start), "run")?;
    Ok(start)
}

/// Who answers for a start counts as the owner of all that contains it: nobody has asked who owns that.
fn path(start: &Claimed) -> Path {
    let owner = start.order.created_by;
    let project = Path::project(start.project, owner);
    match start.order.target {
        Target::Workflow(id, _) => Path::workflow(id, owner, project),
        Target::Job(id) => project.containing(ObjectKind::Job, id, Some(owner)),
    }
}

/// Shows a start as a pending run.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub(super) async fn show(tx: &mut PgConnection, ctx: &RequestContext, id: RunId) -> Result<pb::Run> {
    Ok(convert::start(find(tx, ctx, id, "run.read").await?))
}

/// Leaves a cancelled run in place of a start.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub(super) async fn cancel(tx: &mut PgConnection, ctx: &RequestContext, id: RunId) -> Result<Settled> {
    let start = find(tx, ctx, id, "run.control").await?;
    // Why: the starter may have made it a run meanwhile; then the caller may cancel that.
    if !store::start::take(tx, ctx.tenant()?, id).await? {
        return Err(Error::stale("run"));
    }
    let settled = launch::write_ended(tx, ctx, &start, None).await?;
    trinity_outbox::write(tx, ctx, events::controlled("run.cancel", &id.to_string())).await?;
    Ok(settled)
}
