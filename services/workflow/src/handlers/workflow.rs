//! Reading, changing, deleting and restoring workflows.

use chrono::Utc;
use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::WorkflowId;
use trinity_outbox as outbox;
use trinity_proto::workflow as pb;

use super::check_out::allow_change;
use super::{permit, placement};
use crate::app::App;
use crate::domain::workflow::ChangeWorkflow;
use crate::store::workflow::{Filter, Row};
use crate::{convert, events, store};

/// Shows a workflow with its canvas.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetWorkflowRequest) -> Result<pb::GetWorkflowResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let full = store::workflow::find_full(&app.db, ctx, id).await?.ok_or_else(|| Error::not_found("workflow"))?;
    ctx.require("workflow.read", &full.row.path(), "workflow")?;
    Ok(pb::GetWorkflowResponse { workflow: Some(convert::workflow(full.row, Some(full.canvas))) })
}

/// Lists a project's or a folder's workflows that the caller may see, newest first.
///
/// # Errors
/// `NotFound` no such project or folder to be seen; `InvalidArgument` a bad page.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListWorkflowsRequest,
) -> Result<pb::ListWorkflowsResponse> {
    let (project, folder, visible) = permit::require_list(app, ctx, &request.project_id, &request.folder_id).await?;
    let query = ["workflows", &request.project_id, &request.atom, &request.folder_id];
    let page = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let atom = (!request.atom.is_empty()).then_some(request.atom.as_str());
    let filter = Filter { project, folder, atom, visible: &visible };
    let mut tx = app.db.begin(ctx).await?;
    let mut page = store::workflow::list(&mut tx, ctx.tenant()?, &filter, page).await?;
    let shows_any =
        page.total > 0 || folder.is_some() || store::workflow::has_any(&mut tx, ctx.tenant()?, &filter).await?;
    tx.commit().await?;
    if !shows_any {
        // Why: only an empty list can be that of a project that does not exist, or that is not the caller's to see.
        let owner = permit::require_in_project(app, ctx, project, "workflow.read").await?;
        let mut tx = app.db.begin(ctx).await?;
        if store::place::set_project_owner(&mut tx, ctx.tenant()?, project, owner).await? {
            page = store::workflow::list(&mut tx, ctx.tenant()?, &filter, page.request).await?;
        }
        tx.commit().await?;
    }
    let info = convert::page_info(&page);
    let workflows = page.items.into_iter().map(|row| convert::workflow(row, None)).collect();
    Ok(pb::ListWorkflowsResponse { workflows, page: Some(info) })
}

/// Changes what stands beside the canvas. A change makes a version with the same canvas.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `InvalidArgument` naming the field; `Aborted` `VERSION_CONFLICT`; `AlreadyExists` `SLUG_TAKEN`;
/// `FailedPrecondition` `CHECKED_OUT` by someone else.
pub async fn update(
    app: &App,
    ctx: &RequestContext,
    request: pb::UpdateWorkflowRequest,
) -> Result<pb::UpdateWorkflowResponse> {
    let change = ChangeWorkflow::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::workflow::lock_live(&mut tx, tenant, change.workflow).await?;
    ctx.require("workflow.update", &before.path(), "workflow")?;
    allow_change(ctx, &before)?;
    if change.version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("workflow"));
    }
    let mut row = changed(before.clone(), change);
    if row != before {
        row.version += 1;
        row = store::workflow::update(&mut tx, tenant, &row).await?;
        store::version::insert_next(&mut tx, tenant, row.id, before.version, ctx.responsible()?).await?;
        outbox::write(&mut tx, ctx, events::change(events::UPDATE, Some(&before), &row)).await?;
    }
    let canvas = store::version::find(&mut tx, tenant, row.id, None).await?.map(|version| version.canvas);
    tx.commit().await?;
    Ok(pb::UpdateWorkflowResponse { workflow: Some(convert::workflow(row, canvas)) })
}

fn changed(row: Row, change: ChangeWorkflow) -> Row {
    Row {
        name: change.name.unwrap_or(row.name),
        slug: change.slug.unwrap_or(row.slug),
        description: change.description.unwrap_or(row.description),
        tags: change.tags.unwrap_or(row.tags),
        parameters: change.parameters.unwrap_or(row.parameters),
        notifications: change.notifications.unwrap_or(row.notifications),
        ..row
    }
}

/// Hides a workflow; a check-out ends with it.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` `CHECKED_OUT` by someone else.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteWorkflowRequest,
) -> Result<pb::DeleteWorkflowResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::workflow::lock_live(&mut tx, ctx.tenant()?, id).await?;
    ctx.require("workflow.delete", &before.path(), "workflow")?;
    allow_change(ctx, &before)?;
    let deleted = Row { deleted_at: Some(Utc::now()), checked_out_by: None, checked_out_at: None, ..before.clone() };
    let row = store::workflow::update(&mut tx, ctx.tenant()?, &deleted).await?;
    outbox::write(&mut tx, ctx, events::change(events::DELETE, Some(&before), &row)).await?;
    tx.commit().await?;
    Ok(pb::DeleteWorkflowResponse {})
}

/// Brings a deleted workflow back, out of every folder when its own has gone; one that is not deleted stays as it is.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `AlreadyExists` `SLUG_TAKEN` when another took its slug meanwhile.
pub async fn restore(
    app: &App,
    ctx: &RequestContext,
    request: pb::RestoreWorkflowRequest,
) -> Result<pb::RestoreWorkflowResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let seen = store::workflow::lock(&mut tx, tenant, id).await?;
    ctx.require("workflow.delete", &seen.path(), "workflow")?;
    drop(tx);
    let folder_id = placement::folder_left(app, ctx, seen.folder_id.filter(|_| seen.deleted_at.is_some())).await?;
    let mut tx = app.db.begin(ctx).await?;
    let mut row = store::workflow::lock(&mut tx, tenant, id).await?;
    if row.deleted_at.is_some() {
        let before = row.clone();
        row = store::workflow::update(&mut tx, tenant, &Row { deleted_at: None, folder_id, ..row }).await?;
        outbox::write(&mut tx, ctx, events::change(events::RESTORE, Some(&before), &row)).await?;
    }
    let canvas = store::version::find(&mut tx, tenant, id, None).await?.map(|version| version.canvas);
    tx.commit().await?;
    Ok(pb::RestoreWorkflowResponse { workflow: Some(convert::workflow(row, canvas)) })
}
