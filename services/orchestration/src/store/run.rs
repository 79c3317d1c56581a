//! Runs as people see them: made, shown, listed, paused.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{Path, Visible};
use trinity_error::{Error, Result};
use trinity_ids::{ProjectId, RunId, TaskId, TenantId, UserId, WorkflowId};

/// Keeps the counting of runs apart from other advisory locks on tenants.
const RUNS_LOCK: i64 = 0x7472_696e_6974_7905;

/// A row of `runs`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: RunId,
    pub workflow_id: WorkflowId,
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
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str =
    "id, workflow_id, project_id, workflow_version, status, paused, trigger, context::text AS context,
    rows_processed, result::text AS result, error_task, error_task_id, error_attempt, error_code, error_message,
    coalesce(workflow_owner_id, created_by) AS workflow_owner_id,
    coalesce(project_owner_id, created_by) AS project_owner_id, created_by, rerun_of, created_at, started_at,
    completed_at";

/// Whether the caller may see a run `r`, by the four arguments from `$n` on: everything, the owner, projects, workflows.
macro_rules! visible {
    ($everything:literal, $owner:literal, $projects:literal, $workflows:literal) => {
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
            "))"
        )
    };
}
pub(crate) use visible;

impl Row {
    /// The workflow and what contains it: who may do something with them may do it with the run.
    #[must_use]
    pub fn path(&self) -> Path {
        let project = Path::project(self.project_id, self.project_owner_id);
        Path::workflow(self.workflow_id, self.workflow_owner_id, project)
    }
}

/// What a new run is made of.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub tenant: TenantId,
    pub id: RunId,
    pub workflow: WorkflowId,
    pub workflow_owner: UserId,
    pub project: ProjectId,
    pub project_owner: UserId,
    pub workflow_version: u64,
    pub context: String,
    pub created_by: UserId,
    pub rerun_of: Option<RunId>,
}

/// Inserts a pending run.
pub async fn insert(tx: &mut PgConnection, run: &NewRun) -> Result<()> {
    sqlx::query(
        "INSERT INTO runs (
            tenant_id, id, workflow_id, project_id, workflow_version, status, trigger, context, created_by, rerun_of,
            workflow_owner_id, project_owner_id
        )
        VALUES ($1, $2, $3, $4, $5, 'pending', 'manual', $6::json, $7, $8, $9, $10)",
    )
    .bind(run.tenant)
    .bind(run.id)
    .bind(run.workflow)
    .bind(run.project)
    .bind(i64::try_from(run.workflow_version).unwrap_or(i64::MAX))
    .bind(&run.context)
    .bind(run.created_by)
    .bind(run.rerun_of)
    .bind(run.workflow_owner)
    .bind(run.project_owner)
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

/// How many runs of the tenant have not ended; nobody else can count them until the transaction ends.
pub async fn count_live_locked(tx: &mut PgConnection, tenant: TenantId) -> Result<i64> {
    // Why two statements: the second must see what those who had the lock before have committed.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1::text, $2))")
        .bind(tenant)
        .bind(RUNS_LOCK)
        .execute(&mut *tx)
        .await?;
    let statement = "SELECT count(*) FROM runs WHERE tenant_id = $1 AND completed_at IS NULL";
    Ok(sqlx::query_scalar(statement).bind(tenant).fetch_one(tx).await?)
}

/// Which runs a list shows.
#[derive(Debug, Clone)]
pub struct Filter<'a> {
    pub workflow: Option<WorkflowId>,
    pub project: Option<ProjectId>,
    pub status: Option<&'static str>,
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
            AND {}
        ORDER BY id DESC
        LIMIT $6",
        visible!("$7", "$8", "$9", "$10")
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
        .fetch_all(tx)
        .await?;
    Ok(rows)
}

/// Holds or lets go the waiting tasks of a live run. Says whether the run was live.
pub async fn set_paused(tx: &mut PgConnection, tenant: TenantId, run: RunId, paused: bool) -> Result<bool> {
    let live = sqlx::query("UPDATE runs SET paused = $3 WHERE tenant_id = $1 AND id = $2 AND completed_at IS NULL")
        .bind(tenant)
        .bind(run)
        .bind(paused)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    sqlx::query("UPDATE queue SET held = $3 WHERE tenant_id = $1 AND run_id = $2")
        .bind(tenant)
        .bind(run)
        .bind(paused)
        .execute(tx)
        .await?;
    Ok(live == 1)
}
