//! Keys that runs share: who of them may go. Counted from live runs, so that nothing leaks.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{ProjectId, RunId, TenantId};

/// Keeps keys apart from other advisory locks.
const KEYS_LOCK: i64 = 0x7472_696e_6974_7906;

/// A key of a project whose runs wait.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Waiting {
    pub tenant_id: TenantId,
    pub project_id: ProjectId,
    pub key: String,
}

/// Keys with runs that wait to be admitted.
pub async fn list_waiting(tx: &mut PgConnection, limit: i64) -> Result<Vec<Waiting>> {
    let waiting = sqlx::query_as(
        "SELECT DISTINCT tenant_id, project_id, concurrency_key AS key
        FROM runs
        WHERE concurrency_key IS NOT NULL AND completed_at IS NULL AND NOT admitted
        LIMIT $1",
    )
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(waiting)
}

/// Lets nobody else look at a key until the transaction ends.
pub async fn lock(tx: &mut PgConnection, tenant: TenantId, project: ProjectId, key: &str) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1::text || $2::text || $3, $4))")
        .bind(tenant)
        .bind(project)
        .bind(key)
        .bind(KEYS_LOCK)
        .execute(tx)
        .await?;
    Ok(())
}

/// Admits the next runs of a key as far as the limit of each goes: the most urgent first, then the oldest. The key is
/// locked. A run that somebody else holds right now is left for the next look.
pub async fn admit(tx: &mut PgConnection, tenant: TenantId, project: ProjectId, key: &str) -> Result<Vec<RunId>> {
    let admitted: Vec<RunId> = sqlx::query_scalar(
        "WITH going AS (
            SELECT count(*) AS runs
            FROM runs
            WHERE tenant_id = $1 AND project_id = $2 AND concurrency_key = $3 AND completed_at IS NULL AND admitted
        ),
        waiting AS (
            SELECT id, row_number() OVER (ORDER BY priority DESC, id) AS place, concurrency_limit
            FROM runs
            WHERE tenant_id = $1 AND project_id = $2 AND concurrency_key = $3 AND completed_at IS NULL AND NOT admitted
        ),
        next AS (
            SELECT r.id
            FROM runs AS r
            JOIN waiting AS w ON w.id = r.id
            CROSS JOIN going AS g
            WHERE r.tenant_id = $1 AND g.runs + w.place <= w.concurrency_limit
            FOR UPDATE OF r SKIP LOCKED
        )
        UPDATE runs AS r
        SET admitted = true
        FROM next AS n
        WHERE r.tenant_id = $1 AND r.id = n.id
        RETURNING r.id",
    )
    .bind(tenant)
    .bind(project)
    .bind(key)
    .fetch_all(&mut *tx)
    .await?;
    if admitted.is_empty() {
        return Ok(admitted);
    }
    sqlx::query(
        "UPDATE queue AS q
        SET held = r.paused
        FROM runs AS r
        WHERE r.tenant_id = $1 AND r.id = ANY ($2) AND q.tenant_id = $1 AND q.run_id = r.id",
    )
    .bind(tenant)
    .bind(&admitted)
    .execute(tx)
    .await?;
    Ok(admitted)
}

/// Whether one of these runs above a new one has the key already: they share its room.
pub async fn is_held_above(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    parent: RunId,
    key: &str,
) -> Result<bool> {
    let held = sqlx::query_scalar(
        "WITH RECURSIVE above AS (
            SELECT parent_run_id, project_id, concurrency_key FROM runs WHERE tenant_id = $1 AND id = $2
            UNION ALL
            SELECT r.parent_run_id, r.project_id, r.concurrency_key
            FROM above AS a
            JOIN runs AS r ON r.tenant_id = $1 AND r.id = a.parent_run_id
        )
        SELECT EXISTS (SELECT FROM above WHERE project_id = $3 AND concurrency_key = $4)",
    )
    .bind(tenant)
    .bind(parent)
    .bind(project)
    .bind(key)
    .fetch_one(tx)
    .await?;
    Ok(held)
}
