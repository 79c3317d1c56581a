//! Showing runs.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::Instant;
use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::RunId;
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use super::waiting;
use crate::convert;
use crate::store;
use crate::store::run::{Filter, Row};
use crate::wiring::App;

/// How long a caller waits for a run's end when he does not say it.
const USUAL_WAIT: Duration = Duration::from_secs(20);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often whoever waits looks, whatever is told: while Redis is away, other replicas tell nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Finds a run with which the caller may do `permission`.
///
/// # Errors
/// `NotFound` also when the caller may not see it; `PermissionDenied`.
pub(super) async fn find(tx: &mut PgConnection, ctx: &RequestContext, run: RunId, permission: &str) -> Result<Row> {
    let row = store::run::get(tx, ctx.tenant()?, run).await?;
    ctx.require(permission, &row.path(), "run")?;
    Ok(row)
}

/// Shows a run.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetRunRequest) -> Result<pb::GetRunResponse> {
    let run = show(app, ctx, parse_id("run_id", &request.run_id)?).await?;
    Ok(pb::GetRunResponse { run: Some(run) })
}

/// Shows a run when it has ended; as it is, when the time is over, when too many wait, or when this process is to stop.
///
/// # Errors
/// `NotFound`; `InvalidArgument` for a time beyond the longest; whatever the guard says of a caller who loses his right meanwhile.
pub async fn wait(app: &App, ctx: &RequestContext, request: pb::WaitForRunRequest) -> Result<pb::WaitForRunResponse> {
    let run: RunId = parse_id("run_id", &request.run_id)?;
    let time = match request.timeout_ms {
        0 => USUAL_WAIT,
        given => Duration::from_millis(given.into()),
    };
    if time > LONGEST_WAIT {
        return Err(Error::invalid("timeout_ms", format!("is at most {}", LONGEST_WAIT.as_millis())));
    }
    let deadline = Instant::now() + time;
    let mut ctx = ctx.clone();
    loop {
        // Why before the run is read: it may end between the two.
        let end = app.teller.bells.ends.wait_for(ctx.tenant()?, run);
        let shown = show(app, &ctx, run).await?;
        let (Some(end), None) = (end, &shown.completed_at) else {
            return Ok(pb::WaitForRunResponse { run: Some(shown) });
        };
        let now = Instant::now();
        if now >= deadline || app.runtime.shutdown.is_cancelled() {
            return Ok(pb::WaitForRunResponse { run: Some(shown) });
        }
        tokio::select! {
            _ = end => {}
            () = tokio::time::sleep_until(deadline.min(now + LOOK_AGAIN)) => {}
            () = app.runtime.shutdown.cancelled() => {}
        }
        ctx = trinity_rpc::renew(&app.runtime.authenticator, &ctx).await?;
    }
}

async fn show(app: &App, ctx: &RequestContext, run: RunId) -> Result<pb::Run> {
    let found = store::run::get_at_once(&app.db, ctx, run).await;
    match found.and_then(|row| ctx.require("run.read", &row.path(), "run").map(|()| row)) {
        Ok(row) => Ok(row.into()),
        // Why also for a run that the caller may not see: it must take as long as one that does not exist.
        Err(error) if error.code() == Code::NotFound => show_start(app, ctx, run).await,
        Err(error) => Err(error),
    }
}

/// Shows what was no run a moment ago.
async fn show_start(app: &App, ctx: &RequestContext, run: RunId) -> Result<pb::Run> {
    let mut tx = app.db.begin(ctx).await?;
    let shown = match waiting::show(&mut tx, ctx, run).await {
        // Why: the start may have become a run meanwhile.
        Err(error) if error.code() == Code::NotFound => find(&mut tx, ctx, run, "run.read").await?.into(),
        shown => shown?,
    };
    tx.commit().await?;
    Ok(shown)
}

/// Lists runs that the caller may see, newest first.
///
/// # Errors
/// `InvalidArgument` a bad filter or token.
pub async fn list(app: &App, ctx: &RequestContext, request: pb::ListRunsRequest) -> Result<pb::ListRunsResponse> {
    let per_page = per_page_of(request.per_page)?;
    let status = convert::status_filter(request.status())?;
    let query = [
        "runs",
        &request.workflow_id,
        &request.project_id,
        status.unwrap_or_default(),
        &request.job_id,
        &request.parent_run_id,
        &request.parent_task_id,
        &request.schedule_id,
    ];
    let scope = Scope::new(ctx, &query);
    let filter = Filter {
        workflow: convert::optional_id("workflow_id", &request.workflow_id)?,
        project: convert::optional_id("project_id", &request.project_id)?,
        status,
        job: convert::optional_id("job_id", &request.job_id)?,
        schedule: convert::optional_id("schedule_id", &request.schedule_id)?,
        parent_run: convert::optional_id("parent_run_id", &request.parent_run_id)?,
        parent_task: convert::optional_id("parent_task_id", &request.parent_task_id)?,
        before: convert::place_of(scope, &request.page_token)?,
        visible: &ctx.visible("run.read")?,
        limit: i64::from(per_page) + 1,
    };
    let mut tx = app.db.begin(ctx).await?;
    let mut rows = store::run::list(&mut tx, ctx.tenant()?, &filter).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| scope.token(&row.id.to_string()));
    Ok(pb::ListRunsResponse {
        runs: rows.into_iter().map(|row| pb::Run { context: None, ..row.into() }).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}
