//! Showing tasks, their logs, and those that failed for good.

use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Result, parse_id};
use trinity_ids::{EventId, RunId};
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use super::run::find;
use crate::convert::{self, DeadLetterPlace, Waiting};
use crate::store;
use crate::wiring::App;

/// Lists a run's tasks in the order of its plan.
///
/// # Errors
/// `NotFound`.
pub async fn list(app: &App, ctx: &RequestContext, request: pb::ListTasksRequest) -> Result<pb::ListTasksResponse> {
    let (tenant, run) = (ctx.tenant()?, parse_id::<RunId>("run_id", &request.run_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let found = find(&mut tx, ctx, run, "run.read").await?;
    let rows = store::task::list(&mut tx, tenant, run).await?;
    let (leased, concurrency, suspended) = store::task::occupancy(&mut tx, tenant).await?;
    let has_workers = !store::worker::list(&mut tx).await?.is_empty();
    tx.commit().await?;
    let at_limit = leased >= i64::from(concurrency);
    let waiting = Waiting { paused: found.paused, suspended, has_workers, at_limit };
    Ok(pb::ListTasksResponse { tasks: rows.into_iter().map(|row| convert::task(row, Some(&waiting))).collect() })
}

/// Lists a run's log lines, oldest first.
///
/// # Errors
/// `NotFound`; `InvalidArgument` a bad token.
pub async fn list_logs(app: &App, ctx: &RequestContext, request: pb::ListLogsRequest) -> Result<pb::ListLogsResponse> {
    let (tenant, run) = (ctx.tenant()?, parse_id::<RunId>("run_id", &request.run_id)?);
    let per_page = per_page_of(request.per_page)?;
    let task = convert::optional_id("task_id", &request.task_id)?;
    let scope = Scope::new(ctx, &["logs", &request.run_id, &request.task_id]);
    let after: Option<EventId> = convert::place_of(scope, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    find(&mut tx, ctx, run, "run.read").await?;
    let mut rows = store::log::list(&mut tx, tenant, run, task, after, i64::from(per_page) + 1).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| scope.token(&row.id.to_string()));
    Ok(pb::ListLogsResponse {
        lines: rows.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// Lists tasks of runs that the caller may see which failed in their last attempt, newest run first.
///
/// # Errors
/// `InvalidArgument` a bad token.
pub async fn list_dead_letters(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListDeadLettersRequest,
) -> Result<pb::ListDeadLettersResponse> {
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["dead letters"]);
    let after: Option<DeadLetterPlace> = convert::place_of(scope, &request.page_token)?;
    let after = after.map(|place| (place.0, place.1));
    let (tenant, visible, limit) = (ctx.tenant()?, ctx.visible("run.read")?, i64::from(per_page) + 1);
    let mut tx = app.db.begin(ctx).await?;
    let mut rows = store::task::list_dead(&mut tx, tenant, after, &visible, limit).await?;
    tx.commit().await?;
    let next_page_token =
        convert::cut(&mut rows, per_page, |row| scope.token(&format!("{}.{}", row.run_id, row.ordinal)));
    Ok(pb::ListDeadLettersResponse {
        tasks: rows.into_iter().map(|row| convert::task(row, None)).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}
