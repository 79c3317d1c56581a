//! Where objects are and who owns them, as the services say that have them.

use tonic::Code;
use trinity_access::{Object, ObjectKind, Path};
use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{ProjectId, UserId};
use trinity_proto::registry::CheckProjectRequest;
use trinity_proto::workflow::LocateWorkflowRequest;

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
    match object.kind {
        ObjectKind::Project => project(app, ctx, object).await,
        ObjectKind::Workflow => workflow(app, ctx, object).await,
        // There are none yet.
        ObjectKind::Folder | ObjectKind::Job => Ok(None),
    }
}

async fn project(app: &App, ctx: &RequestContext, object: Object) -> Result<Option<Path>> {
    let message = CheckProjectRequest { tenant_id: ctx.tenant()?.to_string(), project_id: object.id.to_string() };
    let answer = app.projects.clone().check_project(app.peers.request(ctx, message)).await;
    let Some(found) = known(answer)? else { return Ok(None) };
    Ok(Some(Path::project(object.id, owner(&found.owner_id)?)))
}

async fn workflow(app: &App, ctx: &RequestContext, object: Object) -> Result<Option<Path>> {
    let message = LocateWorkflowRequest { tenant_id: ctx.tenant()?.to_string(), workflow_id: object.id.to_string() };
    let answer = app.workflows.clone().locate_workflow(app.peers.request(ctx, message)).await;
    let Some(found) = known(answer)? else { return Ok(None) };
    let project: ProjectId = found.project_id.parse().map_err(|_| malformed())?;
    let project = Path::project(project, owner(&found.project_owner_id)?);
    Ok(Some(Path::workflow(object.id, owner(&found.owner_id)?, project)))
}

fn known<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

fn owner(id: &str) -> Result<UserId> {
    id.parse().map_err(|_| malformed())
}

fn malformed() -> Error {
    Error::internal("a service answered with an id that is none")
}
