//! What tasks say.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{EventId, RunId, TaskId, TenantId};

use crate::store::queue::TaskKey;

/// A line to be kept.
#[derive(Debug, Clone)]
pub struct NewLine {
    pub key: TaskKey,
    pub at: DateTime<Utc>,
    pub level: String,
    pub message: String,
}

/// Keeps lines of attempts that are still under way; lines of superseded attempts are dropped.
pub async fn insert(tx: &mut PgConnection, lines: &[NewLine]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO task_logs (tenant_id, run_id, id, task_id, attempt, at, level, message)
        SELECT l.tenant_id, q.run_id, l.id, l.task_id, l.attempt, l.at, l.level, l.message
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::timestamptz[], $6::text[], $7::text[], $8::uuid[],
            $9::integer[]
        ) AS l (tenant_id, id, task_id, attempt, at, level, message, run_id, ordinal)
        JOIN queue AS q
            ON q.tenant_id = l.tenant_id AND q.run_id = l.run_id AND q.ordinal = l.ordinal
            AND q.task_id = l.task_id AND q.attempt = l.attempt",
    )
    .bind(lines.iter().map(|line| line.key.tenant_id).collect::<Vec<_>>())
    .bind(lines.iter().map(|_| EventId::new()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.key.task_id).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.key.attempt).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.at).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.level.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.key.run_id).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.key.ordinal).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// A row of `task_logs`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: EventId,
    pub task_id: TaskId,
    pub attempt: i32,
    pub at: DateTime<Utc>,
    pub level: String,
    pub message: String,
}

/// A run's lines, oldest first, after the one given.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    run: RunId,
    task: Option<TaskId>,
    after: Option<EventId>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "SELECT id, task_id, attempt, at, level, message
        FROM task_logs
        WHERE tenant_id = $1 AND run_id = $2
            AND ($3::uuid IS NULL OR task_id = $3)
            AND ($4::uuid IS NULL OR id > $4)
        ORDER BY id
        LIMIT $5",
    )
    .bind(tenant)
    .bind(run)
    .bind(task)
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
