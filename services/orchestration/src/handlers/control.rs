//! Cancelling, pausing and resuming runs, and with them the runs below.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::{RunId, TenantId};
use trinity_proto::orchestration as pb;

use super::run::find;
use crate::domain::engine::Event;
use crate::events;
use crate::jobs::settle;
use crate::store;
use crate::wiring::App;

/// Ends a run; what runs is stopped.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` the run has ended already.
pub async fn cancel(app: &App, ctx: &RequestContext, request: pb::CancelRunRequest) -> Result<pb::CancelRunResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id::<RunId>("run_id", &request.run_id)?);
    let mut tx = app.db.begin(ctx).await?;
    find(&mut tx, ctx, id, "run.control").await?;
    let run = store::live::load(&mut tx, &[(tenant, id)]).await?.pop().ok_or_else(|| Error::not_found("run"))?;
    if run.state.status.is_final() {
        return Err(ended());
    }
    let settled = settle::settle_run(&mut tx, run, Event::Cancelled).await?;
    trinity_outbox::write(&mut tx, ctx, events::controlled("run.cancel", &request.run_id)).await?;
    let row = store::run::get(&mut tx, tenant, id).await?;
    tx.commit().await?;
    // The engine cancels what lies below.
    app.teller.tell(settled).await;
    Ok(pb::CancelRunResponse { run: Some(row.into()) })
}

/// Lets running tasks finish and holds the rest.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` the run has ended already.
pub async fn pause(app: &App, ctx: &RequestContext, request: pb::PauseRunRequest) -> Result<pb::PauseRunResponse> {
    let run = set_paused(app, ctx, &request.run_id, true, "run.pause").await?;
    Ok(pb::PauseRunResponse { run: Some(run) })
}

/// Goes on after a pause.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` the run has ended already.
pub async fn resume(app: &App, ctx: &RequestContext, request: pb::ResumeRunRequest) -> Result<pb::ResumeRunResponse> {
    let run = set_paused(app, ctx, &request.run_id, false, "run.resume").await?;
    app.teller.resume();
    Ok(pb::ResumeRunResponse { run: Some(run) })
}

async fn set_paused(app: &App, ctx: &RequestContext, run: &str, paused: bool, action: &'static str) -> Result<pb::Run> {
    let (tenant, id): (TenantId, RunId) = (ctx.tenant()?, parse_id("run_id", run)?);
    let mut tx = app.db.begin(ctx).await?;
    find(&mut tx, ctx, id, "run.control").await?;
    if store::tree::set_paused(&mut tx, tenant, &[id], paused).await?.is_empty() {
        return Err(ended());
    }
    set_paused_below(&mut tx, tenant, id, paused).await?;
    let row = store::run::get(&mut tx, tenant, id).await?;
    trinity_outbox::write(&mut tx, ctx, events::controlled(action, run)).await?;
    tx.commit().await?;
    Ok(row.into())
}

/// Does the same with the runs below, level by level: while a level is locked, nobody starts runs below it.
async fn set_paused_below(tx: &mut PgConnection, tenant: TenantId, run: RunId, paused: bool) -> Result<()> {
    let mut level = vec![run];
    loop {
        level = store::tree::list_live_children(tx, tenant, &level).await?;
        if level.is_empty() {
            return Ok(());
        }
        level = store::tree::set_paused(tx, tenant, &level, paused).await?;
    }
}

fn ended() -> Error {
    Error::new(Code::FailedPrecondition, "RUN_ENDED", "the run has ended already")
}
