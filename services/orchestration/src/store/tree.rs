//! Runs below other runs: how far they have come, and what goes down to them.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId};

/// How far the runs of one task have come. Counted from rows, never up and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Family {
    pub task_id: TaskId,
    /// Not made yet.
    pub waiting: i64,
    /// Of these, how many may be made now.
    pub open: i64,
    /// Made, and not ended.
    pub live: i64,
    pub succeeded: i64,
    pub failed: i64,
    pub cancelled: i64,
}

/// The families of tasks; those without a child are there too.
pub async fn families(tx: &mut PgConnection, tasks: &[(TenantId, TaskId)]) -> Result<Vec<Family>> {
    let families = sqlx::query_as(
        "SELECT k.task_id, s.waiting, s.open, r.live, r.succeeded, r.failed, r.cancelled
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, task_id)
        CROSS JOIN LATERAL (
            SELECT count(*) AS waiting, count(*) FILTER (WHERE open) AS open
            FROM starts
            WHERE tenant_id = k.tenant_id AND parent_task_id = k.task_id
        ) AS s
        CROSS JOIN LATERAL (
            SELECT
                count(*) FILTER (WHERE status IN ('pending', 'running')) AS live,
                count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
                count(*) FILTER (WHERE status = 'failed') AS failed,
                count(*) FILTER (WHERE status = 'cancelled') AS cancelled
            FROM runs
            WHERE tenant_id = k.tenant_id AND parent_task_id = k.task_id
        ) AS r",
    )
    .bind(tasks.iter().map(|task| task.0).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.1).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    Ok(families)
}

/// A child that did not succeed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Failure {
    pub id: RunId,
    pub name: String,
    pub item: Option<i32>,
    pub status: String,
    pub error_task: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

/// The first child of a task that did not succeed; a failed one before a cancelled one.
pub async fn find_failure(tx: &mut PgConnection, tenant: TenantId, task: TaskId) -> Result<Option<Failure>> {
    let failure = sqlx::query_as(
        "SELECT id, name, item, status, error_task, error_code, error_message
        FROM runs
        WHERE tenant_id = $1 AND parent_task_id = $2 AND status IN ('failed', 'cancelled')
        ORDER BY status DESC, item, id
        LIMIT 1",
    )
    .bind(tenant)
    .bind(task)
    .fetch_optional(tx)
    .await?;
    Ok(failure)
}

/// What the children of a task handed back: the config and the file of each `output`, in the order of the items.
pub async fn list_outputs(tx: &mut PgConnection, tenant: TenantId, task: TaskId) -> Result<Vec<(String, String)>> {
    let outputs = sqlx::query_as(
        "SELECT t.config::text, t.handed_on::text
        FROM runs AS r
        JOIN tasks AS t ON t.tenant_id = r.tenant_id AND t.run_id = r.id
        WHERE r.tenant_id = $1 AND r.parent_task_id = $2
            AND t.atom = 'output' AND t.status = 'completed' AND t.handed_on IS NOT NULL
        ORDER BY r.item, t.ordinal",
    )
    .bind(tenant)
    .bind(task)
    .fetch_all(tx)
    .await?;
    Ok(outputs)
}

/// How many rows the children of a task read, and the only one of them.
pub async fn totals(tx: &mut PgConnection, tenant: TenantId, task: TaskId) -> Result<(i64, Option<RunId>)> {
    let totals = sqlx::query_as(
        "SELECT coalesce(sum(rows_processed), 0)::bigint, CASE WHEN count(*) = 1 THEN (array_agg(id))[1] END
        FROM runs
        WHERE tenant_id = $1 AND parent_task_id = $2",
    )
    .bind(tenant)
    .bind(task)
    .fetch_one(tx)
    .await?;
    Ok(totals)
}

/// A child that ended: its parent's task is to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Return {
    pub tenant_id: TenantId,
    /// The parent.
    pub run_id: RunId,
    pub task_id: TaskId,
}

/// Notes that children ended.
pub async fn insert_returns(tx: &mut PgConnection, children: &[(RunId, Return)]) -> Result<()> {
    sqlx::query(
        "INSERT INTO returns (tenant_id, id, run_id, task_id)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[])
        ON CONFLICT ON CONSTRAINT returns_pkey DO NOTHING",
    )
    .bind(children.iter().map(|(_, parent)| parent.tenant_id).collect::<Vec<_>>())
    .bind(children.iter().map(|(child, _)| *child).collect::<Vec<_>>())
    .bind(children.iter().map(|(_, parent)| parent.run_id).collect::<Vec<_>>())
    .bind(children.iter().map(|(_, parent)| parent.task_id).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes up to `limit` notes; those that another replica takes right now are left to it.
pub async fn take_returns(tx: &mut PgConnection, limit: i64) -> Result<Vec<Return>> {
    let returns = sqlx::query_as(
        "WITH next AS (
            SELECT tenant_id, id FROM returns ORDER BY tenant_id, id LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        DELETE FROM returns AS r
        USING next AS n
        WHERE r.tenant_id = n.tenant_id AND r.id = n.id
        RETURNING r.tenant_id, r.run_id, r.task_id",
    )
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(returns)
}

/// Live runs whose parents have ended: they are to be cancelled.
pub async fn list_orphans(tx: &mut PgConnection, limit: i64) -> Result<Vec<(TenantId, RunId)>> {
    let orphans = sqlx::query_as(
        "SELECT c.tenant_id, c.id
        FROM runs AS c
        JOIN runs AS p ON p.tenant_id = c.tenant_id AND p.id = c.parent_run_id
        WHERE c.parent_run_id IS NOT NULL AND c.completed_at IS NULL AND p.completed_at IS NOT NULL
        LIMIT $1",
    )
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(orphans)
}

/// Where a parent stands while a child is made.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct ParentRow {
    pub ended: bool,
    pub paused: bool,
}

/// The parent of a run that is being made, which cannot end or be paused meanwhile.
pub async fn lock_parent(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Option<ParentRow>> {
    let parent = sqlx::query_as(
        "SELECT completed_at IS NOT NULL AS ended, paused
        FROM runs
        WHERE tenant_id = $1 AND id = $2
        FOR SHARE",
    )
    .bind(tenant)
    .bind(run)
    .fetch_optional(tx)
    .await?;
    Ok(parent)
}

/// The context of a run.
pub async fn find_context(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Option<String>> {
    let statement = "SELECT context::text FROM runs WHERE tenant_id = $1 AND id = $2";
    Ok(sqlx::query_scalar(statement).bind(tenant).bind(run).fetch_optional(tx).await?)
}

/// Holds or lets go the waiting tasks of live runs; says which of them were live.
pub async fn set_paused(tx: &mut PgConnection, tenant: TenantId, runs: &[RunId], paused: bool) -> Result<Vec<RunId>> {
    let live: Vec<RunId> = sqlx::query_scalar(
        "UPDATE runs AS r
        SET paused = $3
        FROM (
            SELECT id FROM runs
            WHERE tenant_id = $1 AND id = ANY ($2) AND completed_at IS NULL
            ORDER BY id
            FOR UPDATE
        ) AS live
        WHERE r.tenant_id = $1 AND r.id = live.id
        RETURNING r.id",
    )
    .bind(tenant)
    .bind(runs)
    .bind(paused)
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE queue AS q
        SET held = $3 OR NOT held.admitted
        FROM (
            SELECT q.run_id, q.ordinal, r.admitted
            FROM queue AS q
            JOIN runs AS r ON r.tenant_id = q.tenant_id AND r.id = q.run_id
            WHERE q.tenant_id = $1 AND q.run_id = ANY ($2)
            ORDER BY q.run_id, q.ordinal
            FOR UPDATE OF q
        ) AS held
        WHERE q.tenant_id = $1 AND q.run_id = held.run_id AND q.ordinal = held.ordinal",
    )
    .bind(tenant)
    .bind(&live)
    .bind(paused)
    .execute(tx)
    .await?;
    Ok(live)
}

/// The live runs right below these.
pub async fn list_live_children(tx: &mut PgConnection, tenant: TenantId, runs: &[RunId]) -> Result<Vec<RunId>> {
    let statement = "SELECT id FROM runs WHERE tenant_id = $1 AND parent_run_id = ANY ($2) AND completed_at IS NULL";
    Ok(sqlx::query_scalar(statement).bind(tenant).bind(runs).fetch_all(tx).await?)
}
