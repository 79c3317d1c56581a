//! Versions and what is wrong with them.

use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::WorkflowId;
use trinity_proto::common::PageInfo;
use trinity_proto::workflow as pb;

use super::{calls, permit};
use crate::app::App;
use crate::{convert, store};

/// Names every fault of a saved canvas by the catalogue of this moment.
///
/// # Errors
/// `NotFound`.
pub async fn validate(
    app: &App,
    ctx: &RequestContext,
    request: pb::ValidateWorkflowRequest,
) -> Result<pb::ValidateWorkflowResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let version = request.version.map(|version| convert::version_of("version", version)).transpose()?;
    let saved = find(app, ctx, id, version).await?;
    let checked = app.check(ctx, &saved.canvas).await?;
    let mut faults = checked.faults;
    if let Some(plan) = checked.plan.filter(|plan| !plan.calls.is_empty()) {
        let mut tx = app.db.begin(ctx).await?;
        faults.extend(calls::of_itself(id, &plan.calls));
        faults.extend(calls::unknown(&mut tx, ctx, saved.project_id, &plan.calls).await?);
    }
    Ok(pb::ValidateWorkflowResponse { valid: faults.is_empty(), faults: convert::faults(faults) })
}

/// Lists versions, newest first; the token of a page is the last version of the one before.
///
/// # Errors
/// `NotFound`; `InvalidArgument` a bad page.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListVersionsRequest,
) -> Result<pb::ListVersionsResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["workflow versions", &request.workflow_id]);
    let before = match request.page_token.as_str() {
        "" => i64::MAX,
        token => {
            (scope.position(token)?.parse()).map_err(|_| Error::invalid("page_token", "is not a token of this list"))?
        }
    };
    let mut tx = app.db.begin(ctx).await?;
    permit::require(&mut tx, ctx, id, "workflow.read").await?;
    let mut rows = store::version::list(&mut tx, ctx.tenant()?, id, before, i64::from(per_page) + 1).await?;
    let has_more = rows.len() > per_page as usize;
    rows.truncate(per_page as usize);
    let last = rows.last().filter(|_| has_more).map(|row| scope.token(&row.version.to_string()));
    let page = PageInfo { per_page, next_page_token: last.unwrap_or_default(), ..PageInfo::default() };
    let versions = rows.into_iter().map(|row| convert::version(row, None)).collect();
    Ok(pb::ListVersionsResponse { versions, page: Some(page) })
}

/// Shows one version with its canvas.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetVersionRequest) -> Result<pb::GetVersionResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let version = convert::version_of("version", request.version)?;
    let full = find(app, ctx, id, Some(version)).await?;
    Ok(pb::GetVersionResponse { version: Some(convert::version(full.row, Some(full.canvas))) })
}

async fn find(app: &App, ctx: &RequestContext, id: WorkflowId, version: Option<i64>) -> Result<store::version::Full> {
    let mut tx = app.db.begin(ctx).await?;
    permit::require(&mut tx, ctx, id, "workflow.read").await?;
    let found = store::version::find(&mut tx, ctx.tenant()?, id, version).await?;
    found.ok_or_else(|| Error::not_found("workflow version"))
}
