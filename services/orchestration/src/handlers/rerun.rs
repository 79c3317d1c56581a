//! Going on from the failed tasks of an earlier run, in a new run: history is never rewritten.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_ids::RunId;

use crate::domain::engine::{Event, TaskStatus};
use crate::domain::rerun::kept;
use crate::events;
use crate::jobs::settle::{self, Settled};
use crate::jobs::{keys, launch, standing};
use crate::store;
use crate::store::run::Row;
use crate::wiring::App;

/// Starts a run that keeps the outputs of an earlier run's completed tasks.
///
/// # Errors
/// `FailedPrecondition` `RUN_NOT_FAILED`; `NotFound` the workflow is gone; `ResourceExhausted` `RUN_LIMIT_REACHED`.
pub async fn from_failed(app: &App, ctx: &RequestContext, earlier: &Row) -> Result<RunId> {
    require_failed(earlier)?;
    require_target(app, ctx, earlier).await?;
    let mut tx = app.db.begin(ctx).await?;
    let (run, settled) = write(&mut tx, ctx, earlier).await?;
    tx.commit().await?;
    app.teller.tell(settled).await;
    Ok(run)
}

/// Lets pass a run that did not succeed.
fn require_failed(earlier: &Row) -> Result<()> {
    if matches!(earlier.status.as_str(), "failed" | "cancelled") {
        return Ok(());
    }
    let message = "only a run that failed or was cancelled has tasks to go on from";
    Err(Error::new(Code::FailedPrecondition, "RUN_NOT_FAILED", message))
}

/// Lets pass a run whose workflow or job is still there.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub(super) async fn require_target(app: &App, ctx: &RequestContext, earlier: &Row) -> Result<()> {
    let planned = app.launcher.plan(ctx, ctx.tenant()?, earlier.target()?).await?;
    ctx.require("workflow.execute", &planned.path(), planned.noun())
}

/// Writes the new run.
///
/// # Errors
/// `ResourceExhausted` `RUN_LIMIT_REACHED`; `FailedPrecondition` `RUN_NOT_FAILED` no task failed.
pub(super) async fn write(tx: &mut PgConnection, ctx: &RequestContext, earlier: &Row) -> Result<(RunId, Settled)> {
    let (tenant, id, standing) = (ctx.tenant()?, RunId::new(), ctx.standing()?);
    launch::admit_one_more(tx, tenant, standing).await?;
    let old = store::live::load(tx, &[(tenant, earlier.id)]).await?.pop().ok_or_else(|| Error::not_found("run"))?;
    let broken = store::copy::list_broken(tx, tenant, earlier.id).await?;
    let kept = kept(&old.state, &broken);
    if old.state.tasks.iter().all(|task| matches!(task.status, TaskStatus::Completed | TaskStatus::Skipped)) {
        return Err(Error::new(Code::FailedPrecondition, "RUN_NOT_FAILED", "no task of the run failed"));
    }
    store::share::add_run(tx, &standing::share(tenant, standing)).await?;
    store::copy::run(tx, tenant, earlier.id, id, ctx.responsible()?).await?;
    store::copy::tasks(tx, tenant, earlier.id, id, &kept).await?;
    let live = store::live::load(tx, &[(tenant, id)]).await?.pop().ok_or_else(|| Error::not_found("run"))?;
    let mut settled = settle::settle_run(tx, live, Event::Created).await?;
    trinity_outbox::write(tx, ctx, events::started_again(earlier, id)).await?;
    if let Some(key) = &earlier.concurrency_key {
        settled.ready |= keys::admit(tx, tenant, earlier.project_id, key).await?;
    }
    Ok((id, settled))
}
