//! Finding what a schedule or a hook is to run, and who may do something with it.

use trinity_access::Path;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::{JobId, WorkflowId};
use trinity_proto::workflow::{GetJobPlanRequest, LocateWorkflowRequest};

use crate::store::target::Columns;
use crate::wiring::App;

/// Finds the workflow or the job, of which exactly one must be named, if the caller may run it.
///
/// # Errors
/// `InvalidArgument` for none or both; `NotFound` also when the caller may not see it; `PermissionDenied`.
pub async fn locate(app: &App, ctx: &RequestContext, workflow: &str, job: &str) -> Result<Columns> {
    let (columns, noun) = match (workflow, job) {
        ("", "") => return Err(Error::required("workflow_id")),
        (workflow, "") => (find_workflow(app, ctx, workflow).await?, "workflow"),
        ("", job) => (find_job(app, ctx, job).await?, "job"),
        _ => return Err(Error::invalid("job_id", "cannot stand beside workflow_id")),
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

async fn find_workflow(app: &App, ctx: &RequestContext, id: &str) -> Result<Columns> {
    let workflow: WorkflowId = parse_id("workflow_id", id)?;
    let message = LocateWorkflowRequest { tenant_id: ctx.tenant()?.to_string(), workflow_id: id.to_owned() };
    let found =
        app.launcher.workflows.clone().locate_workflow(app.launcher.peers.request(ctx, message)).await?.into_inner();
    columns(&found.project_id, &found.owner_id, &found.project_owner_id, Some(workflow), None)
}

async fn find_job(app: &App, ctx: &RequestContext, id: &str) -> Result<Columns> {
    let job: JobId = parse_id("job_id", id)?;
    let message = GetJobPlanRequest { tenant_id: ctx.tenant()?.to_string(), job_id: id.to_owned() };
    let found = app.launcher.jobs.clone().get_job_plan(app.launcher.peers.request(ctx, message)).await?.into_inner();
    columns(&found.project_id, &found.owner_id, &found.project_owner_id, None, Some(job))
}

fn columns(
    project: &str,
    owner: &str,
    project_owner: &str,
    workflow_id: Option<WorkflowId>,
    job_id: Option<JobId>,
) -> Result<Columns> {
    Ok(Columns {
        project_id: project.parse().map_err(Error::internal)?,
        workflow_id,
        job_id,
        target_owner_id: owner.parse().map_err(Error::internal)?,
        project_owner_id: project_owner.parse().map_err(Error::internal)?,
    })
}
