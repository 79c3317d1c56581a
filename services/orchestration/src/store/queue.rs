//! The hot queue: what is ready, what is leased, and until when.
//!
//! What changes while a task waits and runs stands here alone; its wide row is written when it ends.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId, WorkerId};

/// A task in one of its attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::FromRow)]
pub struct TaskKey {
    pub tenant_id: TenantId,
    pub run_id: RunId,
    pub task_id: TaskId,
    pub ordinal: i32,
    pub attempt: i32,
}

/// A task that becomes ready.
#[derive(Debug, Clone)]
pub struct Ready {
    pub tenant: TenantId,
    pub run: RunId,
    pub task: TaskId,
    pub ordinal: i32,
    pub priority: i32,
    pub held: bool,
    pub label: String,
    pub timeout_ms: i64,
    /// Files that it reads, as JSON.
    pub inputs: String,
}

/// Puts ready tasks into the queue.
pub async fn insert(tx: &mut PgConnection, tasks: &[Ready]) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO queue (
            tenant_id, run_id, task_id, ordinal, priority, held, label, timeout_ms, inputs, attempt, not_before
        )
        SELECT
            q.tenant_id, q.run_id, q.task_id, q.ordinal, q.priority, q.held, q.label, q.timeout_ms, q.inputs::json, 0,
            '-infinity'
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::boolean[], $7::text[], $8::bigint[],
            $9::text[]
        ) AS q (tenant_id, run_id, task_id, ordinal, priority, held, label, timeout_ms, inputs)",
    )
    .bind(tasks.iter().map(|task| task.tenant).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.run).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.task).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.ordinal).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.held).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.label.as_str()).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.timeout_ms).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.inputs.as_str()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Lengthens the leases that a worker holds; returns those that it still has. Locks in id order.
pub async fn renew(
    tx: &mut PgConnection,
    leases: &[(WorkerId, TaskKey)],
    lease: Duration,
) -> Result<Vec<(TaskId, i32)>> {
    if leases.is_empty() {
        return Ok(Vec::new());
    }
    let renewed = sqlx::query_as(
        "UPDATE queue AS q
        SET lease_until = now() + $5
        FROM (
            SELECT q.tenant_id, q.run_id, q.ordinal
            FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[], $6::uuid[], $7::uuid[])
                AS c (tenant_id, run_id, ordinal, attempt, worker_id, task_id)
            JOIN queue AS q
                ON q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
                AND q.task_id = c.task_id AND q.attempt = c.attempt AND q.worker_id = c.worker_id
            ORDER BY q.run_id, q.ordinal
            FOR UPDATE OF q
        ) AS mine
        WHERE q.tenant_id = mine.tenant_id AND q.run_id = mine.run_id AND q.ordinal = mine.ordinal
        RETURNING q.task_id, q.attempt",
    )
    .bind(leases.iter().map(|(_, key)| key.tenant_id).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, key)| key.run_id).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, key)| key.ordinal).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, key)| key.attempt).collect::<Vec<_>>())
    .bind(interval(lease))
    .bind(leases.iter().map(|(worker, _)| *worker).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, key)| key.task_id).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    Ok(renewed)
}

/// An attempt whose time is over.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Expired {
    #[sqlx(flatten)]
    pub key: TaskKey,
    /// Whether its worker lives and it has only taken too long.
    pub too_long: bool,
}

/// Attempts whose lease, or whose own time, is over.
pub async fn list_expired(tx: &mut PgConnection, limit: i64) -> Result<Vec<Expired>> {
    let expired = sqlx::query_as(
        "SELECT tenant_id, run_id, task_id, ordinal, attempt, lease_until >= now() AS too_long
        FROM queue
        WHERE worker_id IS NOT NULL AND (lease_until < now() OR give_up_at < now())
        ORDER BY run_id, ordinal
        LIMIT $1",
    )
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(expired)
}

pub(crate) fn interval(duration: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX) }
}
