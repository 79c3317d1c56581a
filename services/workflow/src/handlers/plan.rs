//! What other services ask: where a workflow stands, plans to execute, and executions to count.

use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::{JobId, TenantId, WorkflowId};
use trinity_proto::common::Json;
use trinity_proto::workflow as pb;

use super::calls;
use crate::app::App;
use crate::domain::job::{self, Known};
use crate::domain::notifications;
use crate::store::execution::Execution;
use crate::{convert, store};

/// How many executions one call may count.
const MAX_EXECUTIONS: usize = 1_000;

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
    let mut faults = convert::stored_faults(&planned.faults)?;
    let plan = convert::stored_plan(&planned.plan)?;
    if !plan.calls.is_empty() {
        let mut tx = app.db.begin(&ctx).await?;
        faults.extend(calls::unknown(&mut tx, &ctx, planned.project_id, &plan.calls).await?);
    }
    Ok(pb::GetPlanResponse {
        workflow_id: workflow.into(),
        workflow_name: planned.name,
        project_id: planned.project_id.into(),
        version: planned.version.unsigned_abs(),
        plan: faults.is_empty().then(|| convert::plan(plan)),
        faults: convert::faults(faults),
        owner_id: planned.owner_id.into(),
        project_owner_id: project_owner.into(),
        notifications: Some(Json::new(notifications::sound(planned.notifications))),
    })
}

/// The executable form of a job: a task for each of its workflows; faults in its place when it cannot be run.
///
/// # Errors
/// `NotFound`.
pub async fn get_job(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetJobPlanRequest,
) -> Result<pb::GetJobPlanResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let id: JobId = parse_id("job_id", &request.job_id)?;
    let ctx = ctx.for_tenant(tenant);
    let mut tx = app.db.begin(&ctx).await?;
    let row = store::job::get(&mut tx, tenant, id).await?;
    let steps = store::job::steps_of(&mut tx, tenant, id).await?;
    let ids: Vec<WorkflowId> = steps.iter().map(|step| step.workflow).collect();
    let found = store::place::list_named(&mut tx, tenant, row.project_id, &ids).await?;
    tx.commit().await?;
    let project_owner = match app.registry.check_project(&ctx, row.project_id).await {
        Err(error) if error.code() == Code::NotFound => return Err(Error::not_found("job")),
        owner => owner?,
    };
    let known = found.into_iter().map(|named| (named.place.id, Known { name: named.name, slug: named.slug })).collect();
    let (plan, faults) = job::plan(&steps, &known, workflow_atom());
    Ok(pb::GetJobPlanResponse {
        job_id: id.into(),
        job_name: row.name,
        project_id: row.project_id.into(),
        version: row.version.unsigned_abs(),
        plan: faults.is_empty().then(|| convert::plan(plan)),
        faults: convert::faults(faults),
        owner_id: row.owner_id.into(),
        project_owner_id: project_owner.into(),
        notifications: Some(Json::new(row.notifications)),
    })
}

/// The newest version of the atom that runs workflows: it is the engine's own, so this build has it.
fn workflow_atom() -> &'static str {
    trinity_catalog::find_latest(job::WORKFLOW).map_or("1.0.0", |spec| spec.version.as_str())
}

/// Counts executions, once for each run id. Deleted workflows count too: the run took place.
///
/// # Errors
/// `InvalidArgument` naming the first entry that is malformed, or too many of them.
pub async fn record(
    app: &App,
    ctx: &RequestContext,
    request: pb::RecordExecutionsRequest,
) -> Result<pb::RecordExecutionsResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    if request.executions.len() > MAX_EXECUTIONS {
        return Err(Error::invalid("executions", format!("has more than {MAX_EXECUTIONS} entries")));
    }
    let executions = request.executions.into_iter().enumerate().map(execution).collect::<Result<Vec<_>>>()?;
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    store::execution::record(&mut tx, tenant, &executions).await?;
    tx.commit().await?;
    Ok(pb::RecordExecutionsResponse {})
}

fn execution((number, told): (usize, pb::Execution)) -> Result<Execution> {
    let place = |field| format!("executions[{number}].{field}");
    Ok(Execution {
        workflow: parse_id(&place("workflow_id"), &told.workflow_id)?,
        run: parse_id(&place("run_id"), &told.run_id)?,
        executed_at: convert::time_of(&place("executed_at"), told.executed_at)?,
    })
}
