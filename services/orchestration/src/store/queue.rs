//! The hot queue: what is ready, what is leased, and until when.

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
}

/// Puts ready tasks into the queue.
pub async fn insert(tx: &mut PgConnection, tasks: &[Ready]) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO queue (
            tenant_id, run_id, task_id, ordinal, priority, held, label, timeout_ms, attempt, not_before
        )
        SELECT q.*, 0, '-infinity'
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::boolean[], $7::text[], $8::bigint[]
        ) AS q",
    )
    .bind(tasks.iter().map(|task| task.tenant).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.run).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.task).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.ordinal).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.held).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.label.as_str()).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.timeout_ms).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives leased tasks back, each after its pause.
pub async fn requeue(tx: &mut PgConnection, tasks: &[(TenantId, TaskId, Duration)]) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE queue AS q
        SET worker_id = NULL, lease_until = NULL, give_up_at = NULL, not_before = now() + make_interval(secs => c.pause)
        FROM unnest($1::uuid[], $2::uuid[], $3::float8[]) AS c (tenant_id, task_id, pause)
        WHERE q.tenant_id = c.tenant_id AND q.task_id = c.task_id",
    )
    .bind(tasks.iter().map(|task| task.0).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.1).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.2.as_secs_f64()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes ended tasks out.
pub async fn remove(tx: &mut PgConnection, tasks: &[(TenantId, TaskId)]) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "DELETE FROM queue AS q
        USING unnest($1::uuid[], $2::uuid[]) AS c (tenant_id, task_id)
        WHERE q.tenant_id = c.tenant_id AND q.task_id = c.task_id",
    )
    .bind(tasks.iter().map(|task| task.0).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.1).collect::<Vec<_>>())
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
            SELECT q.tenant_id, q.task_id
            FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[]) AS c (tenant_id, task_id, attempt, worker_id)
            JOIN queue AS q
                ON q.tenant_id = c.tenant_id AND q.task_id = c.task_id
                AND q.attempt = c.attempt AND q.worker_id = c.worker_id
            ORDER BY q.task_id
            FOR UPDATE OF q
        ) AS mine
        WHERE q.tenant_id = mine.tenant_id AND q.task_id = mine.task_id
        RETURNING q.task_id, q.attempt",
    )
    .bind(leases.iter().map(|(_, key)| key.tenant_id).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, key)| key.task_id).collect::<Vec<_>>())
    .bind(leases.iter().map(|(_, key)| key.attempt).collect::<Vec<_>>())
    .bind(leases.iter().map(|(worker, _)| *worker).collect::<Vec<_>>())
    .bind(interval(lease))
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
        ORDER BY task_id
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
