//! Runs as people see them: shown, listed, paused.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{ObjectKind, Path, Visible};
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Error, Result};
use trinity_ids::{HookId, JobId, ProjectId, RunId, ScheduleId, TaskId, TenantId, UserId, WorkflowId};

use crate::domain::order::Target;

/// Keeps the counting of runs apart from other advisory locks on tenants.
const RUNS_LOCK: i64 = 0x7472_696e_6974_7905;

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

macro_rules! columns {
    () => {
        "id, workflow_id, job_id, name, project_id, workflow_version, status, paused, trigger, context::text AS context,
        rows_processed, result::text AS result, error_task, error_task_id, error_attempt, error_code, error_message,
        coalesce(workflow_owner_id, created_by) AS workflow_owner_id,
        coalesce(project_owner_id, created_by) AS project_owner_id, created_by, rerun_of, parent_run_id, parent_task_id,
        item, schedule_id, hook_id, priority, deadline_at, concurrency_key, concurrency_limit, admitted,
        inputs::text AS inputs, created_at, started_at, completed_at"
    };
}

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
        // A run that never began has no version yet.
        let version = Some(self.workflow_version.unsigned_abs()).filter(|version| *version > 0);
        match (self.workflow_id, self.job_id) {
            (Some(id), _) => Ok(Target::Workflow(id, version)),
            (None, Some(id)) => Ok(Target::Job(id)),
            (None, None) => Err(Error::internal("a run without a target")),
        }
    }
}

/// The run, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Row> {
    let statement = concat!("SELECT ", columns!(), " FROM runs WHERE tenant_id = $1 AND id = $2");
    sqlx::query_as(statement).bind(tenant).bind(run).fetch_optional(tx).await?.ok_or_else(|| Error::not_found("run"))
}

/// As [`get`], for the caller's tenant, in one round trip without a transaction.
pub async fn get_at_once(db: &Db, ctx: &RequestContext, run: RunId) -> Result<Row> {
    // Invariant: begins with trinity_db::CONTEXT_CTE.
    // Why LIMIT, of what is one row at the most: without it Postgres thinks that a plan for all months' partitions reads a
    // row of each, and plans every call anew for its month alone, which takes longer than all the rest.
    let statement = concat!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT r.* FROM context CROSS JOIN LATERAL (
            SELECT ",
        columns!(),
        " FROM runs WHERE tenant_id = context.tenant::uuid AND id = $2 LIMIT 1
        ) AS r"
    );
    db.read_one(ctx, statement, |query| query.bind(run)).await?.ok_or_else(|| Error::not_found("run"))
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
    let statement = concat!(
        "SELECT ",
        columns!(),
        "
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
            AND ",
        visible!("$7", "$8", "$9", "$10", "$11"),
        "
        ORDER BY id DESC
        LIMIT $6"
    );
    let rows = sqlx::query_as(statement)
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
