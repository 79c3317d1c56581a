//! Starting runs: the plan pinned, its datasets found, its rows written, all before the first task may go.

use std::collections::HashMap;

use sqlx::PgConnection;
use trinity_access::Path;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, Violation, parse_id};
use trinity_ids::{RunId, TaskId, TenantId, UserId, WorkflowId};
use trinity_proto::orchestration as pb;
use trinity_proto::registry::{DatasetFormat, ResolveDatasetsRequest};
use trinity_proto::workflow::{EdgeType, GetPlanRequest, GetPlanResponse, PlanTask};

use crate::convert;
use crate::domain::engine::{Edge, EdgeKind, Event, RunState, RunStatus, TaskState, TaskStatus};
use crate::domain::file::File;
use crate::events;
use crate::jobs::{settle, standing};
use crate::store;
use crate::store::live::{LiveRun, LiveTask};
use crate::store::run::NewRun;
use crate::store::task::NewTask;
use crate::wiring::App;

const DEFAULT_ATTEMPTS: u32 = 3;
const DEFAULT_TIMEOUT_MS: u64 = 3_600_000;

/// Starts a run of a workflow's version.
///
/// # Errors
/// `NotFound` no such workflow or version to be seen; `PermissionDenied`; `FailedPrecondition` the version has faults;
/// `InvalidArgument` bad context; `ResourceExhausted` `RUN_LIMIT_REACHED`.
pub async fn execute(
    app: &App,
    ctx: &RequestContext,
    request: pb::ExecuteWorkflowRequest,
) -> Result<pb::ExecuteWorkflowResponse> {
    let workflow = parse_id("workflow_id", &request.workflow_id)?;
    let context = convert::object("context", request.context)?;
    let (run, version) = start(app, ctx, workflow, request.version, context, None).await?;
    Ok(pb::ExecuteWorkflowResponse {
        run_id: run.to_string(),
        workflow_id: request.workflow_id,
        workflow_version: version,
        status: pb::RunStatus::Pending.into(),
    })
}

/// Starts a new run of the same version and context as an earlier one.
///
/// # Errors
/// `NotFound` no such run; otherwise as [`execute`].
pub async fn rerun(app: &App, ctx: &RequestContext, request: pb::RerunRunRequest) -> Result<pb::RerunRunResponse> {
    let earlier: RunId = parse_id("run_id", &request.run_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = super::run::find(&mut tx, ctx, earlier, "workflow.execute").await?;
    tx.commit().await?;
    let version = u64::try_from(row.workflow_version).ok();
    let (run, version) = start(app, ctx, row.workflow_id, version, row.context, Some(earlier)).await?;
    Ok(pb::RerunRunResponse {
        run_id: run.to_string(),
        workflow_id: row.workflow_id.to_string(),
        workflow_version: version,
        status: pb::RunStatus::Pending.into(),
    })
}

async fn start(
    app: &App,
    ctx: &RequestContext,
    workflow: WorkflowId,
    version: Option<u64>,
    context: String,
    rerun_of: Option<RunId>,
) -> Result<(RunId, u64)> {
    let tenant = ctx.tenant()?;
    let planned = plan(app, ctx, tenant, workflow, version).await?;
    let project = parse_id("project_id", &planned.project_id)?;
    let (workflow_owner, project_owner) = owners(&planned)?;
    let path = Path::workflow(workflow, workflow_owner, Path::project(project, project_owner));
    ctx.require("workflow.execute", &path, "workflow")?;
    let planned = runnable(planned)?;
    let tasks = planned.plan.as_ref().map(|plan| plan.tasks.as_slice()).unwrap_or_default();
    let files = resolve(app, ctx, tenant, &planned.project_id, tasks).await?;
    let run = NewRun {
        tenant,
        id: RunId::new(),
        workflow,
        workflow_owner,
        project,
        project_owner,
        workflow_version: planned.version,
        context,
        created_by: ctx.responsible()?,
        rerun_of,
    };
    let rows = tasks.iter().map(|task| new_task(task, &files)).collect::<Result<Vec<_>>>()?;
    let live = live_run(&run, tasks, &rows);

    let mut tx = app.db.begin(ctx).await?;
    admit_one_more(&mut tx, ctx).await?;
    store::share::set(&mut tx, &standing::share(tenant, ctx.standing()?)).await?;
    store::run::insert(&mut tx, &run).await?;
    store::task::insert_all(&mut tx, tenant, run.id, &rows).await?;
    settle::settle_run(&mut tx, live, Event::Created).await?;
    trinity_outbox::write(&mut tx, ctx, events::started(&run, &planned.workflow_name)).await?;
    store::usage::add_run(&mut tx, tenant).await?;
    tx.commit().await?;
    app.engine.wake();
    app.announcer.ready();
    Ok((run.id, planned.version))
}

/// Checks that the tenant's plan allows another run that has not ended.
///
/// # Errors
/// `ResourceExhausted` `RUN_LIMIT_REACHED`.
async fn admit_one_more(tx: &mut PgConnection, ctx: &RequestContext) -> Result<()> {
    let Some(limit) = ctx.standing()?.limits.concurrent_runs else { return Ok(()) };
    if store::run::count_live_locked(tx, ctx.tenant()?).await? < i64::from(limit) {
        return Ok(());
    }
    let message = format!("the plan allows {limit} runs at once");
    Err(Error::new(Code::ResourceExhausted, "RUN_LIMIT_REACHED", message).with_metadata("limit", limit.to_string()))
}

/// The executable form of the version, or its faults.
async fn plan(
    app: &App,
    ctx: &RequestContext,
    tenant: TenantId,
    workflow: WorkflowId,
    version: Option<u64>,
) -> Result<GetPlanResponse> {
    let message = GetPlanRequest { tenant_id: tenant.to_string(), workflow_id: workflow.to_string(), version };
    Ok(app.workflows.clone().get_plan(app.peers.request(ctx, message)).await?.into_inner())
}

/// The persons who own the workflow and its project.
fn owners(planned: &GetPlanResponse) -> Result<(UserId, UserId)> {
    let owner = |id: &str| id.parse().map_err(Error::internal);
    Ok((owner(&planned.owner_id)?, owner(&planned.project_owner_id)?))
}

/// Lets pass what can be run.
///
/// # Errors
/// `FailedPrecondition` `WORKFLOW_NOT_RUNNABLE` with every reason.
fn runnable(planned: GetPlanResponse) -> Result<GetPlanResponse> {
    let refused = |violations: Vec<Violation>| {
        Err(Error::new(Code::FailedPrecondition, "WORKFLOW_NOT_RUNNABLE", "the workflow has faults and cannot run")
            .with_violations(violations))
    };
    if !planned.faults.is_empty() {
        return refused(
            planned
                .faults
                .into_iter()
                .map(|fault| Violation { field: fault.place, reason: fault.code, message: fault.message })
                .collect(),
        );
    }
    let tasks = planned.plan.as_ref().map(|plan| plan.tasks.as_slice()).unwrap_or_default();
    let unsupported: Vec<Violation> = tasks
        .iter()
        .filter(|task| task.inputs.iter().any(|edge| edge.r#type() == EdgeType::Conditional))
        .map(|task| Violation {
            field: task.place.clone(),
            reason: "conditional_edge".to_owned(),
            message: "conditional edges can be saved, but this version does not run them".to_owned(),
        })
        .collect();
    if unsupported.is_empty() { Ok(planned) } else { refused(unsupported) }
}

/// The files behind every dataset that the plan names.
async fn resolve(
    app: &App,
    ctx: &RequestContext,
    tenant: TenantId,
    project: &str,
    tasks: &[PlanTask],
) -> Result<HashMap<String, File>> {
    let mut dataset_ids: Vec<String> = tasks.iter().flat_map(|task| task.dataset_ids.iter().cloned()).collect();
    dataset_ids.sort_unstable();
    dataset_ids.dedup();
    if dataset_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let message = ResolveDatasetsRequest { tenant_id: tenant.to_string(), project_id: project.to_owned(), dataset_ids };
    let answer = app.datasets.clone().resolve_datasets(app.peers.request(ctx, message)).await?.into_inner();
    let files: HashMap<String, File> = answer
        .files
        .into_iter()
        .map(|file| {
            let format = if file.format() == DatasetFormat::Csv { "csv" } else { "parquet" };
            let found = File {
                dataset_id: file.dataset_id.clone(),
                storage_key: file.storage_key,
                format: format.to_owned(),
                content_hash: file.content_hash,
            };
            (file.dataset_id, found)
        })
        .collect();
    let missing: Vec<Violation> = tasks
        .iter()
        .flat_map(|task| task.dataset_ids.iter().map(move |id| (task, id)))
        .filter(|(_, id)| !files.contains_key(*id))
        .map(|(task, id)| Violation {
            field: task.place.clone(),
            reason: "dataset_not_found".to_owned(),
            message: format!("the project has no dataset {id}"),
        })
        .collect();
    if missing.is_empty() {
        return Ok(files);
    }
    Err(Error::new(
        Code::FailedPrecondition,
        "DATASET_NOT_FOUND",
        "the workflow names datasets that the project does not have",
    )
    .with_violations(missing))
}

fn new_task(task: &PlanTask, files: &HashMap<String, File>) -> Result<NewTask> {
    let datasets: Vec<&File> = task.dataset_ids.iter().filter_map(|id| files.get(id)).collect();
    let attempts = if task.max_attempts == 0 { DEFAULT_ATTEMPTS } else { task.max_attempts };
    let timeout_ms = if task.timeout_ms == 0 { DEFAULT_TIMEOUT_MS } else { task.timeout_ms };
    Ok(NewTask {
        id: TaskId::new(),
        place: task.place.clone(),
        molecule: task.molecule.clone(),
        atom: task.atom.clone(),
        atom_version: task.atom_version.clone(),
        config: task.config.as_ref().map_or_else(|| "{}".to_owned(), |config| config.text.clone()),
        upstream: task.inputs.iter().map(|edge| i32::try_from(edge.from).unwrap_or(i32::MAX)).collect(),
        edge_types: task
            .inputs
            .iter()
            .map(|edge| if is_error(edge.r#type()) { "error" } else { "data_flow" })
            .collect(),
        passthrough: task.passthrough,
        datasets: serde_json::to_string(&datasets).map_err(Error::internal)?,
        max_attempts: i32::try_from(attempts).unwrap_or(i32::MAX),
        timeout_ms: i64::try_from(timeout_ms).unwrap_or(i64::MAX),
        priority: task.priority,
    })
}

fn is_error(edge: EdgeType) -> bool {
    edge == EdgeType::Error
}

/// The run as the core sees it, before anything happened.
fn live_run(run: &NewRun, tasks: &[PlanTask], rows: &[NewTask]) -> LiveRun {
    let state = |task: &PlanTask, row: &NewTask| TaskState {
        status: TaskStatus::Queued,
        enqueued: false,
        attempt: 0,
        losses: 0,
        max_attempts: row.max_attempts.unsigned_abs(),
        upstream: task
            .inputs
            .iter()
            .map(|edge| Edge {
                from: edge.from as usize,
                kind: if is_error(edge.r#type()) { EdgeKind::Error } else { EdgeKind::DataFlow },
            })
            .collect(),
    };
    LiveRun {
        tenant: run.tenant,
        id: run.id,
        workflow: run.workflow,
        project: run.project,
        paused: false,
        rows_processed: 0,
        state: RunState {
            status: RunStatus::Pending,
            tasks: tasks.iter().zip(rows).map(|(task, row)| state(task, row)).collect(),
        },
        tasks: rows
            .iter()
            .map(|row| LiveTask {
                id: row.id,
                place: row.place.clone(),
                passthrough: row.passthrough,
                priority: row.priority,
                inputs: Vec::new(),
                handed_on: None,
            })
            .collect(),
    }
}
