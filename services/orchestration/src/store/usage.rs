//! The table `usage`: what tenants used, in batches on their way to the tenant service.
//!
//! Runs come in with their start, in `store::share::add_run`, task time with the results, in `store::change::write_tasks`.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;
use uuid::Uuid;

/// What a tenant used in a day, as one batch tells it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Used {
    pub tenant_id: TenantId,
    /// As 2026-11-21, in UTC.
    pub day: String,
    pub runs: i64,
    pub task_seconds: i64,
}

/// Batches that were made and, as far as is known, not yet taken.
pub async fn list_batches(tx: &mut PgConnection) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar("SELECT DISTINCT batch_id FROM usage WHERE batch_id IS NOT NULL").fetch_all(tx).await?)
}

/// Makes a batch of up to `limit` rows, and what their tenants have left over; says how many rows it has.
pub async fn make_batch(tx: &mut PgConnection, batch: Uuid, limit: i64) -> Result<u64> {
    let made = sqlx::query(
        "WITH fresh AS (
            SELECT tenant_id, id
            FROM usage
            WHERE batch_id IS NULL AND NOT rest
            ORDER BY tenant_id, id
            LIMIT $2
            FOR UPDATE SKIP LOCKED
        ),
        leftover AS (
            SELECT tenant_id, id
            FROM usage
            WHERE batch_id IS NULL AND rest AND tenant_id IN (SELECT tenant_id FROM fresh)
            FOR UPDATE SKIP LOCKED
        )
        UPDATE usage AS u
        SET batch_id = $1
        FROM (TABLE fresh UNION ALL TABLE leftover) AS b
        WHERE u.tenant_id = b.tenant_id AND u.id = b.id",
    )
    .bind(batch)
    .bind(limit)
    .execute(tx)
    .await?;
    Ok(made.rows_affected())
}

/// What a batch tells: whole seconds, of which no part is lost or told twice.
pub async fn list_used(tx: &mut PgConnection, batch: Uuid) -> Result<Vec<Used>> {
    let used = sqlx::query_as(
        "SELECT
            tenant_id, to_char(day, 'YYYY-MM-DD') AS day, runs,
            (so_far / 1000 - (so_far - task_ms) / 1000) AS task_seconds
        FROM (
            SELECT
                tenant_id, day, sum(runs)::bigint AS runs, sum(task_ms)::bigint AS task_ms,
                (sum(sum(task_ms)) OVER (PARTITION BY tenant_id ORDER BY day))::bigint AS so_far
            FROM usage
            WHERE batch_id = $1
            GROUP BY tenant_id, day
        ) AS days
        ORDER BY tenant_id, day",
    )
    .bind(batch)
    .fetch_all(tx)
    .await?;
    Ok(used)
}

/// Forgets a batch that was taken; what is left of a second stays for the next.
pub async fn close_batch(tx: &mut PgConnection, batch: Uuid) -> Result<()> {
    sqlx::query(
        "WITH told AS (
            DELETE FROM usage WHERE batch_id = $1 RETURNING tenant_id, day, task_ms
        )
        INSERT INTO usage (tenant_id, day, task_ms, rest)
        SELECT tenant_id, max(day), (sum(task_ms) % 1000)::bigint, true
        FROM told
        GROUP BY tenant_id
        HAVING sum(task_ms) % 1000 > 0",
    )
    .bind(batch)
    .execute(tx)
    .await?;
    Ok(())
}
