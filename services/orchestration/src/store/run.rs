//! Runs as people see them: made, shown, listed, paused.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::{ProjectId, RunId, TaskId, TenantId, UserId, WorkflowId};

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
    pub created_by: UserId,
    pub rerun_of: Option<RunId>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str =
    "id, workflow_id, project_id, workflow_version, status, paused, trigger, context::text AS context,
    rows_processed, result::text AS result, error_task, error_task_id, error_attempt, error_code, error_message,
    created_by, rerun_of, created_at, started_at, completed_at";

/// What a new run is made of.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub tenant: TenantId,
    pub id: RunId,
    pub workflow: WorkflowId,
    pub project: ProjectId,
    pub workflow_version: u64,
    pub context: String,
    pub created_by: UserId,
    pub rerun_of: Option<RunId>,
}

/// Inserts a pending run.
pub async fn insert(tx: &mut PgConnection, run: &NewRun) -> Result<()> {
    sqlx::query(
        "INSERT INTO runs (
            tenant_id, id, workflow_id, project_id, workflow_version, status, trigger, context, created_by, rerun_of
        )
        VALUES ($1, $2, $3, $4, $5, 'pending', 'manual', $6::json, $7, $8)",
    )
    .bind(run.tenant)
    .bind(run.id)
    .bind(run.workflow)
    .bind(run.project)
    .bind(i64::try_from(run.workflow_version).unwrap_or(i64::MAX))
    .bind(&run.context)
    .bind(run.created_by)
    .bind(run.rerun_of)
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

/// Which runs a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub workflow: Option<WorkflowId>,
    pub project: Option<ProjectId>,
    pub status: Option<&'static str>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    pub limit: i64,
}

/// Runs, newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, filter: &Filter) -> Result<Vec<Row>> {
    let statement = format!(
        "SELECT {COLUMNS}
        FROM runs
        WHERE tenant_id = $1
            AND ($2::uuid IS NULL OR workflow_id = $2)
            AND ($3::uuid IS NULL OR project_id = $3)
            AND ($4::text IS NULL OR status = $4)
            AND ($5::uuid IS NULL OR id < $5)
        ORDER BY id DESC
        LIMIT $6"
    );
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(tenant)
        .bind(filter.workflow)
        .bind(filter.project)
        .bind(filter.status)
        .bind(filter.before)
        .bind(filter.limit)
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
