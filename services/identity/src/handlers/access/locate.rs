//! Where objects are and who owns them, as the services say that have them.

use std::str::FromStr;

use tonic::Code;
use trinity_access::{Object, ObjectKind, Path};
use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{FolderId, ProjectId, UserId};
use trinity_proto::registry::{CheckProjectRequest, LocateFolderRequest};
use trinity_proto::workflow::FindPlaceRequest;
use trinity_proto::workflow::find_place_request::Thing;

use crate::wiring::App;

/// Reads an object of a request.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn parse(object_type: &str, object_id: &str) -> Result<Object> {
    let kind = ObjectKind::parse(object_type)
        .ok_or_else(|| Error::invalid("object_type", "is \"project\", \"folder\", \"job\" or \"workflow\""))?;
    // Why as a project's: an id of any kind reads alike.
    let id: ProjectId = parse_id("object_id", object_id)?;
    Ok(Object { kind, id: id.uuid() })
}

/// Finds an object of the caller's tenant. None when there is none, or it is another tenant's.
///
/// # Errors
/// `Unavailable` when the service that has it is away.
pub async fn find(app: &App, ctx: &RequestContext, object: Object) -> Result<Option<Path>> {
    let id = object.id.to_string();
    match object.kind {
        ObjectKind::Project => project(app, ctx, object).await,
        ObjectKind::Folder => folder(app, ctx, id).await,
        ObjectKind::Job => placed(app, ctx, object, Thing::JobId(id)).await,
        ObjectKind::Workflow => placed(app, ctx, object, Thing::WorkflowId(id)).await,
    }
}

async fn project(app: &App, ctx: &RequestContext, object: Object) -> Result<Option<Path>> {
    let message = CheckProjectRequest { tenant_id: ctx.tenant()?.to_string(), project_id: object.id.to_string() };
    let answer = app.projects.clone().check_project(app.peers.request(ctx, message)).await;
    let Some(found) = known(answer)? else { return Ok(None) };
    Ok(Some(Path::project(object.id, owner(&found.owner_id)?)))
}

/// A folder, the folders around it, and their project.
async fn folder(app: &App, ctx: &RequestContext, folder_id: String) -> Result<Option<Path>> {
    let message = LocateFolderRequest { tenant_id: ctx.tenant()?.to_string(), folder_id: folder_id.clone() };
    let answer = app.folders.clone().locate_folder(app.peers.request(ctx, message)).await;
    let Some(found) = known(answer)? else { return Ok(None) };
    let project: ProjectId = answered(&found.project_id)?;
    let mut path = Path::project(project, owner(&found.project_owner_id)?);
    for id in found.parent_ids.iter().rev().chain([&folder_id]) {
        path = path.folder(answered::<FolderId>(id)?);
    }
    Ok(Some(path))
}

/// A workflow or a job, and what it lies in.
async fn placed(app: &App, ctx: &RequestContext, object: Object, thing: Thing) -> Result<Option<Path>> {
    let message = FindPlaceRequest { tenant_id: ctx.tenant()?.to_string(), thing: Some(thing) };
    let answer = app.placements.clone().find_place(app.peers.request(ctx, message)).await;
    let Some(found) = known(answer)? else { return Ok(None) };
    let around = if found.folder_id.is_empty() { None } else { folder(app, ctx, found.folder_id).await? };
    let project: ProjectId = answered(&found.project_id)?;
    // Why the project too: a folder that is gone holds nothing.
    let around = around.map_or_else(|| Ok(Path::project(project, owner(&found.project_owner_id)?)), Ok::<_, Error>)?;
    Ok(Some(around.containing(object.kind, object.id, Some(owner(&found.owner_id)?))))
}

fn known<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn owner(id: &str) -> Result<UserId> {
    answered(id)
}

fn answered<T: FromStr>(id: &str) -> Result<T> {
    id.parse().map_err(|_| Error::internal("a service answered with an id that is none"))
}
