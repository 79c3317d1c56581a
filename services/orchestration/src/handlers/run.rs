//! Showing runs.

use trinity_context::RequestContext;
use trinity_db::per_page_of;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::RunId;
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use crate::convert;
use crate::store;
use crate::store::run::Filter;
use crate::wiring::App;

/// Shows a run.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetRunRequest) -> Result<pb::GetRunResponse> {
    let run: RunId = parse_id("run_id", &request.run_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = store::run::get(&mut tx, ctx.tenant()?, run).await?;
    tx.commit().await?;
    Ok(pb::GetRunResponse { run: Some(row.into()) })
}

/// Lists runs, newest first.
///
/// # Errors
/// `InvalidArgument` a bad filter or token.
pub async fn list(app: &App, ctx: &RequestContext, request: pb::ListRunsRequest) -> Result<pb::ListRunsResponse> {
    let per_page = per_page_of(request.per_page)?;
    let filter = Filter {
        workflow: convert::optional_id("workflow_id", &request.workflow_id)?,
        project: convert::optional_id("project_id", &request.project_id)?,
        status: convert::status_filter(request.status())?,
        before: convert::optional_id("page_token", &request.page_token)
            .map_err(|_| Error::invalid("page_token", "is not a token of this list"))?,
        limit: i64::from(per_page) + 1,
    };
    let mut tx = app.db.begin(ctx).await?;
    let mut rows = store::run::list(&mut tx, ctx.tenant()?, &filter).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| row.id.to_string());
    Ok(pb::ListRunsResponse {
        runs: rows.into_iter().map(|row| pb::Run { context: None, ..row.into() }).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}
