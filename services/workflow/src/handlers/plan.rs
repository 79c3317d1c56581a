//! What other services ask: where a workflow stands, plans to execute, and executions to count.

use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::{RunId, TenantId, WorkflowId};
use trinity_proto::workflow as pb;

use crate::app::App;
use crate::{convert, store};

/// The executable form of a version; faults in its place when it cannot be run.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetPlanRequest) -> Result<pb::GetPlanResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let workflow: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let version = request.version.map(|version| convert::version_of("version", version)).transpose()?;
    let ctx = ctx.for_tenant(tenant);
    let planned = store::version::find_plan(&app.db, &ctx, workflow, version).await?;
    let planned = planned.ok_or_else(|| Error::not_found("workflow"))?;
    // Why: a workflow goes with its project, be that deleted or made for an app that the tenant may no longer use.
    let project_owner = match app.registry.check_project(&ctx, planned.project_id).await {
        Err(error) if error.code() == Code::NotFound => return Err(Error::not_found("workflow")),
        owner => owner?,
    };
    let faults = convert::faults(convert::stored_faults(&planned.faults)?);
    let plan = faults.is_empty().then(|| convert::stored_plan(&planned.plan)).transpose()?;
    Ok(pb::GetPlanResponse {
        workflow_id: workflow.into(),
        workflow_name: planned.name,
        project_id: planned.project_id.into(),
        version: planned.version.unsigned_abs(),
        plan,
        faults,
        owner_id: planned.owner_id.into(),
        project_owner_id: project_owner.into(),
    })
}

/// Says what contains a live workflow and who owns both.
///
/// # Errors
/// `NotFound`.
pub async fn locate(
    app: &App,
    ctx: &RequestContext,
    request: pb::LocateWorkflowRequest,
) -> Result<pb::LocateWorkflowResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let workflow: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let place = store::place::find_at_once(&app.db, &ctx.for_tenant(tenant), workflow).await?;
    let place = place.ok_or_else(|| Error::not_found("workflow"))?;
    Ok(pb::LocateWorkflowResponse {
        owner_id: place.owner_id.into(),
        project_id: place.project_id.into(),
        project_owner_id: place.project_owner_id.into(),
    })
}

/// Counts an execution, once for each run id. Deleted workflows count too: the run took place.
///
/// # Errors
/// `NotFound`.
pub async fn record(
    app: &App,
    ctx: &RequestContext,
    request: pb::RecordExecutionRequest,
) -> Result<pb::RecordExecutionResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let workflow: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let run: RunId = parse_id("run_id", &request.run_id)?;
    let executed_at = convert::time_of("executed_at", request.executed_at)?;
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    store::execution::record(&mut tx, tenant, workflow, run, executed_at).await?;
    tx.commit().await?;
    Ok(pb::RecordExecutionResponse {})
}
