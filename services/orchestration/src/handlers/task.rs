//! Showing tasks and their logs.

use std::collections::HashMap;

use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Result, parse_id};
use trinity_ids::{EventId, RunId};
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use super::run::find;
use crate::convert::{self, Waiting};
use crate::domain::native::WORKFLOW;
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
    let workers = store::worker::list(&mut tx).await?;
    let parents: Vec<_> = rows.iter().filter(|row| row.atom == WORKFLOW).map(|row| (tenant, row.id)).collect();
    let families = if parents.is_empty() { Vec::new() } else { store::tree::families(&mut tx, &parents).await? };
    tx.commit().await?;
    let waiting = Waiting {
        paused: found.paused,
        suspended,
        key: found.concurrency_key.filter(|_| !found.admitted),
        labels: workers.into_iter().flat_map(|worker| worker.labels).collect(),
        at_limit: leased >= i64::from(concurrency),
    };
    let families: HashMap<_, _> = families.into_iter().map(|family| (family.task_id, family)).collect();
    let shown = |row: store::task::Row| {
        let children = families.get(&row.id).filter(|_| row.started_at.is_some()).map(convert::children);
        pb::Task { children, ..convert::task(row, Some(&waiting)) }
    };
    Ok(pb::ListTasksResponse { tasks: rows.into_iter().map(shown).collect() })
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
