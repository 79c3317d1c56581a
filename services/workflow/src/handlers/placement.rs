//! Where workflows and jobs lie: moving them, and what other services ask about it.

use chrono::Utc;
use trinity_access::Path;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::{FolderId, JobId, TenantId, WorkflowId};
use trinity_outbox as outbox;
use trinity_proto::workflow as pb;
use trinity_proto::workflow::find_place_request::Thing;

use super::permit;
use crate::app::App;
use crate::domain::spot::Spot;
use crate::store::{job, workflow};
use crate::{convert, error, events, store};

/// Moves a workflow; its version stays.
///
/// # Errors
/// `NotFound` no such workflow or folder to be seen; `PermissionDenied`, also `MOVE_GIVES_MORE`.
pub async fn move_workflow(
    app: &App,
    ctx: &RequestContext,
    request: pb::MoveWorkflowRequest,
) -> Result<pb::MoveWorkflowResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let (tenant, folder) = (ctx.tenant()?, convert::folder(&request.folder_id)?);
    let place = store::place::find_at_once(&app.db, ctx, id).await?.ok_or_else(|| Error::not_found("workflow"))?;
    let spot = Spot { project: place.project_id, project_owner: place.project_owner_id, folder };
    require_move(app, ctx, &place.path(), "workflow", spot).await?;
    let mut tx = app.db.begin(ctx).await?;
    let mut row = workflow::lock_live(&mut tx, tenant, id).await?;
    if row.folder_id != folder {
        let before = row.clone();
        row = workflow::update(&mut tx, tenant, &workflow::Row { folder_id: folder, ..row }).await?;
        outbox::write(&mut tx, ctx, events::change(events::MOVE, Some(&before), &row)).await?;
    }
    let canvas = store::version::find(&mut tx, tenant, id, None).await?.map(|version| version.canvas);
    tx.commit().await?;
    Ok(pb::MoveWorkflowResponse { workflow: Some(convert::workflow(row, canvas)) })
}

/// Moves a job; its version stays, and so do its workflows.
///
/// # Errors
/// `NotFound` no such job or folder to be seen; `PermissionDenied`, also `MOVE_GIVES_MORE`.
pub async fn move_job(app: &App, ctx: &RequestContext, request: pb::MoveJobRequest) -> Result<pb::MoveJobResponse> {
    let id: JobId = parse_id("job_id", &request.job_id)?;
    let (tenant, folder) = (ctx.tenant()?, convert::folder(&request.folder_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let seen = job::get(&mut tx, tenant, id).await?;
    drop(tx);
    let spot = Spot { project: seen.project_id, project_owner: seen.project_owner_id, folder };
    require_move(app, ctx, &seen.path(), "job", spot).await?;
    let mut tx = app.db.begin(ctx).await?;
    let mut row = job::lock_live(&mut tx, tenant, id).await?;
    let steps = job::steps_of(&mut tx, tenant, id).await?;
    if row.folder_id != folder {
        let before = row.clone();
        row = job::update(&mut tx, tenant, &job::Row { folder_id: folder, ..row }).await?;
        let event = events::job(events::JOB_MOVE, Some((&before, &steps)), (&row, &steps));
        outbox::write(&mut tx, ctx, event).await?;
    }
    tx.commit().await?;
    Ok(pb::MoveJobResponse { job: Some(convert::job::job(row, steps)) })
}

/// Lets the caller move something from `path` to `spot` of the same project. A move changes with whom it is shared, so it asks
/// for what sharing asks for, and nobody gains by it.
async fn require_move(app: &App, ctx: &RequestContext, path: &Path, noun: &str, spot: Spot) -> Result<()> {
    ctx.require("grant.manage", path, noun)?;
    ctx.require("workflow.update", path, noun)?;
    permit::require_at(app, ctx, spot.into(), "workflow.update").await?;
    let (access, now) = (ctx.access()?, Utc::now());
    let gains = !access.permissions_on(path, now).covers(access.permissions_on(&spot.path(), now));
    if gains { Err(error::move_gives_more()) } else { Ok(()) }
}

/// Where what was deleted is to lie when it comes back: in no folder, when its own has gone meanwhile.
///
/// # Errors
/// `Unavailable` when registry does not answer.
pub async fn folder_left(app: &App, ctx: &RequestContext, folder: Option<FolderId>) -> Result<Option<FolderId>> {
    let Some(folder) = folder else { return Ok(None) };
    match app.registry.locate_folder(ctx, folder).await {
        Ok(_) => Ok(Some(folder)),
        Err(error) if error.code() == Code::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Says what contains a live workflow or job, and whose they are.
///
/// # Errors
/// `InvalidArgument` bad id; `NotFound`.
pub async fn find(app: &App, ctx: &RequestContext, request: pb::FindPlaceRequest) -> Result<pb::FindPlaceResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let (found, noun) = match request.thing.ok_or_else(|| Error::required("workflow_id"))? {
        Thing::WorkflowId(id) => {
            (store::placement::find_workflow(&mut tx, tenant, parse_id("workflow_id", &id)?).await?, "workflow")
        }
        Thing::JobId(id) => (store::placement::find_job(&mut tx, tenant, parse_id("job_id", &id)?).await?, "job"),
    };
    let found = found.ok_or_else(|| Error::not_found(noun))?;
    Ok(pb::FindPlaceResponse {
        owner_id: found.owner_id.into(),
        project_id: found.project_id.into(),
        project_owner_id: found.project_owner_id.into(),
        folder_id: found.folder_id.map(String::from).unwrap_or_default(),
    })
}

/// Names what lies in some folders themselves.
///
/// # Errors
/// `InvalidArgument` bad tenant id.
pub async fn list_contents(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListFolderContentsRequest,
) -> Result<pb::ListFolderContentsResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let ids: Vec<FolderId> = request.folder_ids.iter().filter_map(|id| id.parse().ok()).collect();
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let contents = store::placement::contents(&mut tx, tenant, &ids).await?;
    let folder = |(id, contents): (FolderId, store::placement::Contents)| pb::FolderContents {
        folder_id: id.into(),
        workflow_ids: contents.workflows.into_iter().map(String::from).collect(),
        job_ids: contents.jobs.into_iter().map(String::from).collect(),
        live: contents.live,
    };
    Ok(pb::ListFolderContentsResponse { folders: contents.into_iter().map(folder).collect() })
}
