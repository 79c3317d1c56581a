//! Claims: which ready tasks go to which workers, fairly between tenants.
//!
//! Source: start-time fair queueing (Goyal, Vin, Cheng, 1996): each tenant has a virtual time that grows with every task
//! it is given; the smallest goes first, so a tenant's share does not grow with its backlog.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{ProjectId, RunId, TenantId, WorkerId, WorkflowId};

use crate::store::live::span;
use crate::store::queue::{TaskKey, interval};

/// How far a tenant that was idle may go ahead of the others, in tasks.
const HEAD_START: i64 = 8;

/// A leased task with all that its worker needs.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Leased {
    #[sqlx(flatten)]
    pub key: TaskKey,
    pub worker_id: WorkerId,
    pub project_id: ProjectId,
    pub workflow_id: WorkflowId,
    pub place: String,
    pub atom: String,
    pub atom_version: String,
    pub config: String,
    pub inputs: Option<String>,
    pub datasets: String,
    pub timeout_ms: i64,
    pub secrets: Vec<String>,
    pub context: String,
    /// Whether its run has not begun yet.
    pub is_first: bool,
}

/// A lease, before the task is read.
#[derive(sqlx::FromRow)]
struct Taken {
    #[sqlx(flatten)]
    key: TaskKey,
    worker_id: WorkerId,
    inputs: Option<String>,
}

/// Leases ready tasks with one of these labels to workers, as far as their slots go, and charges the tenants' virtual time.
///
/// Slots are counted from leases, never up and down; the emptiest workers go first, so that load spreads. Tenants that
/// another replica serves right now are left to it, so that two replicas together never exceed a tenant's limit.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn lease(
    tx: &mut PgConnection,
    labels: &[String],
    workers: &[(WorkerId, u32)],
    lease: Duration,
) -> Result<Vec<Leased>> {
    let taken = take(tx, labels, workers, lease).await?;
    if taken.is_empty() { Ok(Vec::new()) } else { read(tx, &taken).await }
}

/// The leases themselves, which touch the queue and the shares alone.
async fn take(
    tx: &mut PgConnection,
    labels: &[String],
    workers: &[(WorkerId, u32)],
    lease: Duration,
) -> Result<Vec<Taken>> {
    // Why one statement: an idle system pays for every round trip to Postgres between a task and the next.
    let taken = sqlx::query_as(
        "WITH RECURSIVE free AS MATERIALIZED (
            -- For every free slot its worker.
            SELECT coalesce(array_agg(w.worker_id ORDER BY slot, w.worker_id), '{}') AS workers
            FROM unnest($1::uuid[], $2::bigint[]) AS w (worker_id, slots)
            LEFT JOIN (
                SELECT worker_id, count(*) AS leases FROM queue WHERE worker_id IS NOT NULL GROUP BY worker_id
            ) AS l USING (worker_id)
            CROSS JOIN LATERAL generate_series(coalesce(l.leases, 0), w.slots - 1) AS slot
        ),
        room AS MATERIALIZED (SELECT cardinality(workers) AS slots FROM free),
        waiting AS (
            (SELECT tenant_id FROM queue WHERE worker_id IS NULL AND NOT held ORDER BY tenant_id LIMIT 1)
            UNION ALL
            SELECT (
                SELECT q.tenant_id
                FROM queue AS q
                WHERE q.worker_id IS NULL AND NOT q.held AND q.tenant_id > w.tenant_id
                ORDER BY q.tenant_id
                LIMIT 1
            )
            FROM waiting AS w
            WHERE w.tenant_id IS NOT NULL
        ),
        share AS (
            SELECT s.tenant_id, s.virtual_time, s.concurrency
            FROM shares AS s
            WHERE s.tenant_id IN (SELECT tenant_id FROM waiting WHERE tenant_id IS NOT NULL) AND NOT s.paused
            FOR UPDATE OF s SKIP LOCKED
        ),
        newest AS MATERIALIZED (SELECT coalesce(max(virtual_time), 0) AS virtual_time FROM shares),
        candidates AS (
            SELECT
                q.tenant_id,
                q.run_id,
                q.ordinal,
                greatest(s.virtual_time, newest.virtual_time - $3)
                    + row_number() OVER (PARTITION BY q.tenant_id ORDER BY q.priority DESC, q.task_id) AS tag
            FROM newest
            CROSS JOIN room
            CROSS JOIN share AS s
            CROSS JOIN LATERAL (
                SELECT count(*) AS leased FROM queue AS l WHERE l.tenant_id = s.tenant_id AND l.worker_id IS NOT NULL
            ) AS busy
            CROSS JOIN LATERAL (
                SELECT q.tenant_id, q.run_id, q.ordinal, q.task_id, q.priority
                FROM unnest($4::text[]) AS l (label)
                CROSS JOIN LATERAL (
                    SELECT q.tenant_id, q.run_id, q.ordinal, q.task_id, q.priority
                    FROM queue AS q
                    WHERE q.tenant_id = s.tenant_id AND q.label = l.label
                        AND q.worker_id IS NULL AND NOT q.held AND q.not_before <= now()
                    ORDER BY q.priority DESC, q.task_id
                    LIMIT greatest(least(room.slots, s.concurrency - busy.leased), 0)
                ) AS q
                ORDER BY q.priority DESC, q.task_id
                LIMIT greatest(least(room.slots, s.concurrency - busy.leased), 0)
            ) AS q
            ORDER BY tag
            LIMIT (SELECT slots FROM room)
        ),
        picked AS (
            SELECT q.tenant_id, q.run_id, q.ordinal, c.tag
            FROM (SELECT * FROM candidates ORDER BY tag) AS c
            CROSS JOIN LATERAL (
                SELECT q.tenant_id, q.run_id, q.ordinal
                FROM queue AS q
                WHERE q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
                    AND q.worker_id IS NULL AND NOT q.held
                FOR UPDATE SKIP LOCKED
            ) AS q
        ),
        given AS (
            SELECT p.tenant_id, p.run_id, p.ordinal, free.workers[(row_number() OVER (ORDER BY p.tag))::integer] AS worker_id
            FROM picked AS p
            CROSS JOIN free
        ),
        taken AS (
            UPDATE queue AS q
            SET
                worker_id = g.worker_id,
                lease_until = now() + $5,
                -- A lease longer than the worker has, so that it may say itself that the time is over.
                give_up_at = now() + make_interval(secs => least(q.timeout_ms / 1000.0, 1e9)) + $5,
                attempt = q.attempt + 1,
                started_at = now()
            FROM given AS g
            WHERE q.tenant_id = g.tenant_id AND q.run_id = g.run_id AND q.ordinal = g.ordinal
            RETURNING q.tenant_id, q.run_id, q.task_id, q.ordinal, q.attempt, q.worker_id, q.inputs
        ),
        charged AS (
            UPDATE shares AS s
            SET virtual_time = greatest(s.virtual_time, newest.virtual_time - $3) + c.tasks
            FROM newest, (SELECT tenant_id, count(*) AS tasks FROM taken GROUP BY tenant_id) AS c
            WHERE s.tenant_id = c.tenant_id
        )
        SELECT tenant_id, run_id, task_id, ordinal, attempt, worker_id, inputs::text AS inputs FROM taken",
    )
    .bind(workers.iter().map(|worker| worker.0).collect::<Vec<_>>())
    .bind(workers.iter().map(|worker| i64::from(worker.1)).collect::<Vec<_>>())
    .bind(HEAD_START)
    .bind(labels)
    .bind(interval(lease))
    .fetch_all(tx)
    .await?;
    Ok(taken)
}

/// Reads what workers need of tasks that are leased.
///
/// Why not in the statement that leases: it would open the tables of all months, also when there is nothing to lease.
async fn read(tx: &mut PgConnection, taken: &[Taken]) -> Result<Vec<Leased>> {
    let (oldest, newest) = span(taken.iter().map(|task| task.key.run_id));
    let leased = sqlx::query_as(
        "SELECT
            k.*, r.project_id, coalesce(r.workflow_id, r.job_id) AS workflow_id, t.place, t.atom, t.atom_version,
            t.config::text AS config, t.datasets::text AS datasets, t.timeout_ms, t.secrets, r.context::text AS context,
            r.status = 'pending' AS is_first
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[], $6::uuid[], $7::text[])
            AS k (tenant_id, run_id, task_id, ordinal, attempt, worker_id, inputs)
        CROSS JOIN LATERAL (
            SELECT *
            FROM tasks
            WHERE tenant_id = k.tenant_id AND run_id = k.run_id AND ordinal = k.ordinal AND run_id BETWEEN $8 AND $9
            OFFSET 0
        ) AS t
        CROSS JOIN LATERAL (
            SELECT * FROM runs WHERE tenant_id = k.tenant_id AND id = k.run_id AND id BETWEEN $8 AND $9 OFFSET 0
        ) AS r",
    )
    .bind(taken.iter().map(|task| task.key.tenant_id).collect::<Vec<_>>())
    .bind(taken.iter().map(|task| task.key.run_id).collect::<Vec<_>>())
    .bind(taken.iter().map(|task| task.key.task_id).collect::<Vec<_>>())
    .bind(taken.iter().map(|task| task.key.ordinal).collect::<Vec<_>>())
    .bind(taken.iter().map(|task| task.key.attempt).collect::<Vec<_>>())
    .bind(taken.iter().map(|task| task.worker_id).collect::<Vec<_>>())
    .bind(taken.iter().map(|task| task.inputs.as_deref()).collect::<Vec<_>>())
    .bind(oldest)
    .bind(newest)
    .fetch_all(tx)
    .await?;
    Ok(leased)
}

/// Lets runs that are still pending run from now on. One that somebody else holds right now is left to him.
pub async fn begin(tx: &mut PgConnection, runs: &[(TenantId, RunId)]) -> Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let (oldest, newest) = span(runs.iter().map(|run| run.1));
    sqlx::query(
        "UPDATE runs AS r
        SET status = 'running', started_at = coalesce(r.started_at, now())
        FROM (
            SELECT r.tenant_id, r.id
            FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
            CROSS JOIN LATERAL (
                SELECT r.tenant_id, r.id
                FROM runs AS r
                WHERE r.tenant_id = k.tenant_id AND r.id = k.id AND r.id BETWEEN $3 AND $4 AND r.status = 'pending'
                FOR UPDATE SKIP LOCKED
            ) AS r
        ) AS pending
        WHERE r.tenant_id = pending.tenant_id AND r.id = pending.id AND r.id BETWEEN $3 AND $4",
    )
    .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.1).collect::<Vec<_>>())
    .bind(oldest)
    .bind(newest)
    .execute(tx)
    .await?;
    Ok(())
}
