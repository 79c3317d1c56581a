//! Starting runs at the door, where somebody waits for the answer.

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{RunId, TenantId, UserId};
use trinity_proto::orchestration as pb;

use crate::convert;
use crate::domain::order::{Order, Target, Trigger};
use crate::handlers::rerun;
use crate::jobs::launch;
use crate::store::run::Row;
use crate::wiring::App;

/// How far a caller may go ahead of, or behind, the usual priority.
const MAX_PRIORITY: i32 = 1_000;

/// Starts a run of a workflow's version.
///
/// # Errors
/// `NotFound` no such workflow or version to be seen; `PermissionDenied`; `FailedPrecondition` the version has faults;
/// `InvalidArgument` bad context or priority; `ResourceExhausted` `RUN_LIMIT_REACHED`.
pub async fn execute(
    app: &App,
    ctx: &RequestContext,
    request: pb::ExecuteWorkflowRequest,
) -> Result<pb::ExecuteWorkflowResponse> {
    let workflow = parse_id("workflow_id", &request.workflow_id)?;
    let context = convert::object("context", request.context)?;
    let priority = priority(request.priority)?;
    let target = Target::Workflow(workflow, request.version);
    let (run, version) = start(app, ctx, Order { context, priority, ..order(ctx, target)? }).await?;
    Ok(pb::ExecuteWorkflowResponse {
        run_id: run.to_string(),
        workflow_id: request.workflow_id,
        workflow_version: version,
        status: pb::RunStatus::Pending.into(),
    })
}

/// Starts a run of a job.
///
/// # Errors
/// As [`execute`].
pub async fn execute_job(
    app: &App,
    ctx: &RequestContext,
    request: pb::ExecuteJobRequest,
) -> Result<pb::ExecuteJobResponse> {
    let job = parse_id("job_id", &request.job_id)?;
    let context = convert::object("context", request.context)?;
    let priority = priority(request.priority)?;
    let order = Order { context, priority, ..order(ctx, Target::Job(job))? };
    let (run, _) = start(app, ctx, order).await?;
    Ok(pb::ExecuteJobResponse {
        run_id: run.to_string(),
        job_id: request.job_id,
        status: pb::RunStatus::Pending.into(),
    })
}

/// Starts a new run of the same version and context as an earlier one; from its failed tasks on, if asked for.
///
/// # Errors
/// `NotFound` no such run; `FailedPrecondition` `RUN_NOT_FAILED` there is nothing to go on from; otherwise as [`execute`].
pub async fn rerun(app: &App, ctx: &RequestContext, request: pb::RerunRunRequest) -> Result<pb::RerunRunResponse> {
    let earlier: RunId = parse_id("run_id", &request.run_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = super::run::find(&mut tx, ctx, earlier, "workflow.execute").await?;
    tx.commit().await?;
    let workflow_id = row.workflow_id.map(String::from).unwrap_or_default();
    let (run, version) = if request.from_failed {
        (rerun::from_failed(app, ctx, &row).await?, row.workflow_version.unsigned_abs())
    } else {
        let target = row.target()?;
        start(app, ctx, again(ctx, row, target)?).await?
    };
    Ok(pb::RerunRunResponse {
        run_id: run.to_string(),
        workflow_id,
        workflow_version: version,
        status: pb::RunStatus::Pending.into(),
    })
}

/// An order of the caller's, with nothing said but what is to run.
fn order(ctx: &RequestContext, target: Target) -> Result<Order> {
    let (tenant, created_by): (TenantId, UserId) = (ctx.tenant()?, ctx.responsible()?);
    Ok(Order {
        tenant,
        id: RunId::new(),
        target,
        context: "{}".to_owned(),
        trigger: Trigger::Manual,
        created_by,
        rerun_of: None,
        schedule_id: None,
        hook_id: None,
        parent: None,
        depth: 0,
        inputs: None,
        priority: 0,
        timeout_ms: 0,
    })
}

/// What an earlier run was made of, for a run of its own: without the task that may have started it.
fn again(ctx: &RequestContext, earlier: Row, target: Target) -> Result<Order> {
    let rerun_of = Some(earlier.id);
    Ok(Order { context: earlier.context, inputs: earlier.inputs, rerun_of, ..order(ctx, target)? })
}

fn priority(asked: i32) -> Result<i32> {
    if (-MAX_PRIORITY..=MAX_PRIORITY).contains(&asked) {
        Ok(asked)
    } else {
        Err(Error::invalid("priority", format!("is from -{MAX_PRIORITY} to {MAX_PRIORITY}")))
    }
}

async fn start(app: &App, ctx: &RequestContext, order: Order) -> Result<(RunId, u64)> {
    let (tenant, id) = (order.tenant, order.id);
    let planned = app.launcher.plan(ctx, tenant, order.target).await?;
    ctx.require("workflow.execute", &planned.path(), planned.noun())?;
    let version = planned.version;
    let prepared = app.launcher.prepare(ctx, order, planned).await?;
    let standing = ctx.standing()?;

    let mut tx = app.db.begin_planned(ctx).await?;
    launch::admit_one_more(&mut tx, tenant, standing).await?;
    let settled = app.launcher.write(&mut tx, ctx, standing, prepared).await?;
    tx.commit().await?;
    app.teller.tell(settled).await;
    Ok((id, version))
}
