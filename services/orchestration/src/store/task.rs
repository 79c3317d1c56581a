//! Tasks as people see them, and tasks of a new run.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::Visible;
use trinity_error::{Error, Result};
use trinity_ids::{RunId, TaskId, TenantId};

use crate::store::run::visible;

/// A row of `tasks`, with what the queue says of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: TaskId,
    pub run_id: RunId,
    pub ordinal: i32,
    pub place: String,
    pub molecule: String,
    pub atom: String,
    pub atom_version: String,
    pub status: String,
    pub attempt: i32,
    pub max_attempts: i32,
    pub rows_in: Option<i64>,
    pub rows_out: Option<i64>,
    pub outputs: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub result: Option<String>,
    pub cached: bool,
    pub r#type: String,
    pub worker_label: String,
    pub queued_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    /// None when it does not stand in the queue.
    pub held: Option<bool>,
    pub not_before: Option<DateTime<Utc>>,
}

const SELECT: &str = "SELECT
        t.id, t.run_id, t.ordinal, t.place, t.molecule, t.atom, t.atom_version,
        CASE WHEN q.worker_id IS NULL THEN t.status ELSE 'running' END AS status, coalesce(q.attempt, t.attempt) AS attempt,
        t.max_attempts,
        t.rows_in, t.rows_out, t.outputs::text AS outputs, t.error_code, t.error_message, t.result::text AS result,
        t.cached, t.type, t.worker_label, coalesce(q.queued_at, t.queued_at) AS queued_at,
        coalesce(q.started_at, t.started_at) AS started_at, t.completed_at, q.held,
        nullif(q.not_before, '-infinity') AS not_before
    FROM tasks AS t
    LEFT JOIN queue AS q ON q.tenant_id = t.tenant_id AND q.run_id = t.run_id AND q.ordinal = t.ordinal";

/// A run's tasks, in the order of its plan.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Vec<Row>> {
    let statement = format!("{SELECT} WHERE t.tenant_id = $1 AND t.run_id = $2 ORDER BY t.ordinal");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(tenant).bind(run).fetch_all(tx).await?)
}

/// One task of a run, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, run: RunId, ordinal: i32) -> Result<Row> {
    let statement = format!("{SELECT} WHERE t.tenant_id = $1 AND t.run_id = $2 AND t.ordinal = $3");
    sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(tenant)
        .bind(run)
        .bind(ordinal)
        .fetch_optional(tx)
        .await?
        .ok_or_else(|| Error::not_found("task"))
}

/// Tasks of visible runs that failed in their last attempt, newest run first, after the one given.
pub async fn list_dead(
    tx: &mut PgConnection,
    tenant: TenantId,
    after: Option<(RunId, i32)>,
    visible: &Visible,
    limit: i64,
) -> Result<Vec<Row>> {
    let statement = format!(
        "{SELECT}
        WHERE t.tenant_id = $1 AND t.dead
            AND ($2::uuid IS NULL OR t.run_id < $2 OR (t.run_id = $2 AND t.ordinal > $3))
            AND ($5 OR EXISTS (
                SELECT FROM runs AS r WHERE r.tenant_id = $1 AND r.id = t.run_id AND {}
            ))
        ORDER BY t.run_id DESC, t.ordinal
        LIMIT $4",
        visible!("$5", "$6", "$7", "$8", "$9")
    );
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(tenant)
        .bind(after.map(|(run, _)| run))
        .bind(after.map(|(_, ordinal)| ordinal))
        .bind(limit)
        .bind(visible.everything)
        .bind(visible.owner)
        .bind(&visible.projects)
        .bind(&visible.workflows)
        .bind(&visible.jobs)
        .fetch_all(tx)
        .await?;
    Ok(rows)
}

/// How many of the tenant's tasks are leased, how many may be, and whether the rest waits in any case.
pub async fn occupancy(tx: &mut PgConnection, tenant: TenantId) -> Result<(i64, i32, bool)> {
    let (leased, concurrency, paused): (i64, Option<i32>, Option<bool>) = sqlx::query_as(
        "SELECT
            (SELECT count(*) FROM queue WHERE tenant_id = $1 AND worker_id IS NOT NULL),
            (SELECT concurrency FROM shares WHERE tenant_id = $1),
            (SELECT paused FROM shares WHERE tenant_id = $1)",
    )
    .bind(tenant)
    .fetch_one(tx)
    .await?;
    Ok((leased, concurrency.unwrap_or_default(), paused.unwrap_or_default()))
}
