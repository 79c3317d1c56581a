//! Finding what a schedule or a hook is to run, and who may do something with it.

use trinity_access::Path;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::{JobId, WorkflowId};
use trinity_proto::workflow::FindPlaceRequest;
use trinity_proto::workflow::find_place_request::Thing;

use crate::store::target::Columns;
use crate::wiring::App;

/// Finds the workflow or the job, of which exactly one must be named, if the caller may run it.
///
/// # Errors
/// `InvalidArgument` for none or both; `NotFound` also when the caller may not see it; `PermissionDenied`.
pub async fn locate(app: &App, ctx: &RequestContext, workflow: &str, job: &str) -> Result<Columns> {
    let (workflow_id, job_id): (Option<WorkflowId>, Option<JobId>) = match (workflow, job) {
        ("", "") => return Err(Error::required("workflow_id")),
        (workflow, "") => (Some(parse_id("workflow_id", workflow)?), None),
        ("", job) => (None, Some(parse_id("job_id", job)?)),
        _ => return Err(Error::invalid("job_id", "cannot stand beside workflow_id")),
    };
    let (thing, noun) = if workflow_id.is_some() {
        (Thing::WorkflowId(workflow.to_owned()), "workflow")
    } else {
        (Thing::JobId(job.to_owned()), "job")
    };
    let message = FindPlaceRequest { tenant_id: ctx.tenant()?.to_string(), thing: Some(thing) };
    let found = app.placements.clone().find_place(app.launcher.peers.request(ctx, message)).await?.into_inner();
    let columns = Columns {
        project_id: found.project_id.parse().map_err(Error::internal)?,
        workflow_id,
        job_id,
        target_owner_id: found.owner_id.parse().map_err(Error::internal)?,
        project_owner_id: found.project_owner_id.parse().map_err(Error::internal)?,
    };
    require(ctx, "workflow.execute", &columns.path(), noun)?;
    Ok(columns)
}

/// Lets the caller do `permission` with something of a workflow or job, such as a schedule: a `noun`.
///
/// # Errors
/// `NotFound` when the caller may not even see it, exactly as if it did not exist; `PermissionDenied` when he may.
pub fn require(ctx: &RequestContext, permission: &str, path: &Path, noun: &str) -> Result<()> {
    match ctx.require(permission, path, "workflow") {
        Err(error) if error.code() == Code::NotFound => Err(Error::not_found(noun)),
        other => other,
    }
}
