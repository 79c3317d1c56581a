//! Runs as people see them: made, shown, listed, paused.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{ObjectKind, Path, Visible};
use trinity_error::{Error, Result};
use trinity_ids::{HookId, JobId, ProjectId, RunId, ScheduleId, TaskId, TenantId, UserId, WorkflowId};

use crate::domain::order::{Order, Target};

/// Keeps the counting of runs apart from other advisory locks on tenants.
const RUNS_LOCK: i64 = 0x7472_696e_6974_7905;
/// No run takes longer: about ten years, so that a deadline is always a time.
const MAX_TIMEOUT_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// A row of `runs`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: RunId,
    /// One of these two.
    pub workflow_id: Option<WorkflowId>,
    pub job_id: Option<JobId>,
    pub name: String,
    pub project_id: ProjectId,
    pub workflow_version: i64,
    pub status: String,
    pub paused: bool,
    pub trigger: String,
    pub context: String,
    pub rows_processed: i64,
    pub result: Option<String>,
    pub error_task: Option<String>,
    pub error_task_id: Option<TaskId>,
    pub error_attempt: Option<i32>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub workflow_owner_id: UserId,
    pub project_owner_id: UserId,
    pub created_by: UserId,
    pub rerun_of: Option<RunId>,
    pub parent_run_id: Option<RunId>,
    pub parent_task_id: Option<TaskId>,
    pub item: Option<i32>,
    pub schedule_id: Option<ScheduleId>,
    pub hook_id: Option<HookId>,
    pub priority: i32,
    pub deadline_at: Option<DateTime<Utc>>,
    pub concurrency_key: Option<String>,
    pub concurrency_limit: i32,
    pub admitted: bool,
    pub inputs: Option<String>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str =
    "id, workflow_id, job_id, name, project_id, workflow_version, status, paused, trigger, context::text AS context,
    rows_processed, result::text AS result, error_task, error_task_id, error_attempt, error_code, error_message,
    coalesce(workflow_owner_id, created_by) AS workflow_owner_id,
    coalesce(project_owner_id, created_by) AS project_owner_id, created_by, rerun_of, parent_run_id, parent_task_id,
    item, schedule_id, hook_id, priority, deadline_at, concurrency_key, concurrency_limit, admitted,
    inputs::text AS inputs, created_at, started_at, completed_at";

/// Whether the caller may see a run `r`, by five arguments: everything, the owner, projects, workflows, jobs.
macro_rules! visible {
    ($everything:literal, $owner:literal, $projects:literal, $workflows:literal, $jobs:literal) => {
        concat!(
            "(",
            $everything,
            " OR coalesce(r.workflow_owner_id, r.created_by) = ",
            $owner,
            " OR coalesce(r.project_owner_id, r.created_by) = ",
            $owner,
            " OR r.project_id = ANY (",
            $projects,
            ") OR r.workflow_id = ANY (",
            $workflows,
            ") OR r.job_id = ANY (",
            $jobs,
            "))"
        )
    };
}
pub(crate) use visible;

impl Row {
    /// The workflow or job and what contains it: who may do something with them may do it with the run.
    #[must_use]
    pub fn path(&self) -> Path {
        let project = Path::project(self.project_id, self.project_owner_id);
        match (self.workflow_id, self.job_id) {
            (Some(id), _) => Path::workflow(id, self.workflow_owner_id, project),
            (None, Some(id)) => project.containing(ObjectKind::Job, id, Some(self.workflow_owner_id)),
            (None, None) => project,
        }
    }

    /// What it ran, with its version.
    ///
    /// # Errors
    /// `Internal` for a row that the table does not admit.
    pub fn target(&self) -> Result<Target> {
        let version = Some(self.workflow_version.unsigned_abs());
        match (self.workflow_id, self.job_id) {
            (Some(id), _) => Ok(Target::Workflow(id, version)),
            (None, Some(id)) => Ok(Target::Job(id)),
            (None, None) => Err(Error::internal("a run without a target")),
        }
    }
}

/// A key that runs of a project share, and how many of them go at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    pub key: String,
    pub limit: i32,
}

/// What a new run is made of.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub order: Order,
    /// The workflow's or the job's.
    pub name: String,
    pub owner: UserId,
    pub project: ProjectId,
    pub project_owner: UserId,
    pub version: u64,
    /// Who is told how it ends, as JSON.
    pub notify: Option<String>,
    /// A run with a key is not admitted at first.
    pub concurrency: Option<Concurrency>,
}

/// Inserts a pending run.
pub async fn insert(tx: &mut PgConnection, run: &NewRun) -> Result<()> {
    let order = &run.order;
    let (workflow, job) = match order.target {
        Target::Workflow(id, _) => (Some(id), None),
        Target::Job(id) => (None, Some(id)),
    };
    sqlx::query(
        "INSERT INTO runs (
            tenant_id, id, workflow_id, job_id, name, project_id, workflow_version, status, trigger, context,
            created_by, rerun_of, workflow_owner_id, project_owner_id, parent_run_id, parent_task_id, item, depth,
            schedule_id, hook_id, priority, timeout_ms, deadline_at, concurrency_key, concurrency_limit, admitted,
            inputs, notify
        )
        VALUES (
            $1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9::json, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
            $21, CASE WHEN $21 > 0 THEN now() + make_interval(secs => $21 / 1000.0) END, $22, $23, $22 IS NULL,
            $24::json, $25::json
        )",
    )
    .bind(order.tenant)
    .bind(order.id)
    .bind(workflow)
    .bind(job)
    .bind(&run.name)
    .bind(run.project)
    .bind(i64::try_from(run.version).unwrap_or(i64::MAX))
    .bind(order.trigger.text())
    .bind(&order.context)
    .bind(order.created_by)
    .bind(order.rerun_of)
    .bind(run.owner)
    .bind(run.project_owner)
    .bind(order.parent.map(|parent| parent.run))
    .bind(order.parent.map(|parent| parent.task))
    .bind(order.parent.and_then(|parent| parent.item))
    .bind(order.depth)
    .bind(order.schedule_id)
    .bind(order.hook_id)
    .bind(order.priority)
    .bind(i64::try_from(order.timeout_ms.min(MAX_TIMEOUT_MS)).unwrap_or(i64::MAX))
    .bind(run.concurrency.as_ref().map(|concurrency| concurrency.key.as_str()))
    .bind(run.concurrency.as_ref().map_or(0, |concurrency| concurrency.limit))
    .bind(&order.inputs)
    .bind(&run.notify)
    .execute(tx)
    .await?;
    Ok(())
}

/// The run, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Row> {
    let statement = format!("SELECT {COLUMNS} FROM runs WHERE tenant_id = $1 AND id = $2");
    sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(tenant)
        .bind(run)
        .fetch_optional(tx)
        .await?
        .ok_or_else(|| Error::not_found("run"))
}

/// How many runs of the tenant have not ended, those below others not counted; nobody else can count them until the transaction ends.
pub async fn count_live_locked(tx: &mut PgConnection, tenant: TenantId) -> Result<i64> {
    // Why two statements: the second must see what those who had the lock before have committed.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1::text, $2))")
        .bind(tenant)
        .bind(RUNS_LOCK)
        .execute(&mut *tx)
        .await?;
    let statement = "SELECT count(*) FROM runs WHERE tenant_id = $1 AND completed_at IS NULL AND parent_run_id IS NULL";
    Ok(sqlx::query_scalar(statement).bind(tenant).fetch_one(tx).await?)
}

/// Which runs a list shows.
#[derive(Debug, Clone)]
pub struct Filter<'a> {
    pub workflow: Option<WorkflowId>,
    pub project: Option<ProjectId>,
    pub status: Option<&'static str>,
    pub job: Option<JobId>,
    pub schedule: Option<ScheduleId>,
    pub parent_run: Option<RunId>,
    pub parent_task: Option<TaskId>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    /// Only those that the caller may see.
    pub visible: &'a Visible,
    pub limit: i64,
}

/// Runs, newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, filter: &Filter<'_>) -> Result<Vec<Row>> {
    let statement = format!(
        "SELECT {COLUMNS}
        FROM runs AS r
        WHERE tenant_id = $1
            AND ($2::uuid IS NULL OR workflow_id = $2)
            AND ($3::uuid IS NULL OR project_id = $3)
            AND ($4::text IS NULL OR status = $4)
            AND ($5::uuid IS NULL OR id < $5)
            AND ($12::uuid IS NULL OR job_id = $12)
            AND ($13::uuid IS NULL OR schedule_id = $13)
            AND ($14::uuid IS NULL OR parent_run_id = $14)
            AND ($15::uuid IS NULL OR parent_task_id = $15)
            AND {}
        ORDER BY id DESC
        LIMIT $6",
        visible!("$7", "$8", "$9", "$10", "$11")
    );
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(tenant)
        .bind(filter.workflow)
        .bind(filter.project)
        .bind(filter.status)
        .bind(filter.before)
        .bind(filter.limit)
        .bind(filter.visible.everything)
        .bind(filter.visible.owner)
        .bind(&filter.visible.projects)
        .bind(&filter.visible.workflows)
        .bind(&filter.visible.jobs)
        .bind(filter.job)
        .bind(filter.schedule)
        .bind(filter.parent_run)
        .bind(filter.parent_task)
        .fetch_all(tx)
        .await?;
    Ok(rows)
}

/// Runs whose time is over, of every tenant.
pub async fn list_overdue(tx: &mut PgConnection, limit: i64) -> Result<Vec<(TenantId, RunId)>> {
    let statement = "SELECT tenant_id, id FROM runs WHERE deadline_at < now() AND completed_at IS NULL LIMIT $1";
    Ok(sqlx::query_as(statement).bind(limit).fetch_all(tx).await?)
}
