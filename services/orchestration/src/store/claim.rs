//! Claims: which ready tasks go to which workers, fairly between tenants.
//!
//! Source: start-time fair queueing (Goyal, Vin, Cheng, 1996): each tenant has a virtual time that grows with every task
//! it is given; the smallest goes first, so a tenant's share does not grow with its backlog.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{ProjectId, RunId, TaskId, TenantId, WorkerId, WorkflowId};

use crate::store::queue::interval;

/// How far a tenant that was idle may go ahead of the others, in tasks.
const HEAD_START: i64 = 8;

/// How many leases each worker has. Occupancy is counted from leases, never up and down.
pub async fn leases_by_worker(tx: &mut PgConnection) -> Result<Vec<(WorkerId, i64)>> {
    Ok(sqlx::query_as("SELECT worker_id, count(*) FROM queue WHERE worker_id IS NOT NULL GROUP BY worker_id")
        .fetch_all(tx)
        .await?)
}

/// A task that is to be leased: its tenant, its run and its place there.
pub type Picked = (TenantId, RunId, i32);

/// Picks up to `limit` ready tasks with one of these labels and locks them. Tenants that another replica serves right
/// now are left to it, so that two replicas together never exceed a tenant's limit.
pub async fn pick(tx: &mut PgConnection, limit: i64, labels: &[String]) -> Result<Vec<Picked>> {
    let picked = sqlx::query_as(
        "WITH RECURSIVE waiting AS (
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
        newest AS (SELECT coalesce(max(virtual_time), 0) AS virtual_time FROM shares),
        candidates AS (
            SELECT
                q.tenant_id,
                q.run_id,
                q.ordinal,
                greatest(s.virtual_time, newest.virtual_time - $2)
                    + row_number() OVER (PARTITION BY q.tenant_id ORDER BY q.priority DESC, q.task_id) AS tag
            FROM newest
            CROSS JOIN share AS s
            CROSS JOIN LATERAL (
                SELECT count(*) AS leased FROM queue AS l WHERE l.tenant_id = s.tenant_id AND l.worker_id IS NOT NULL
            ) AS busy
            CROSS JOIN LATERAL (
                SELECT q.tenant_id, q.run_id, q.ordinal, q.task_id, q.priority
                FROM unnest($3::text[]) AS l (label)
                CROSS JOIN LATERAL (
                    SELECT q.tenant_id, q.run_id, q.ordinal, q.task_id, q.priority
                    FROM queue AS q
                    WHERE q.tenant_id = s.tenant_id AND q.label = l.label
                        AND q.worker_id IS NULL AND NOT q.held AND q.not_before <= now()
                    ORDER BY q.priority DESC, q.task_id
                    LIMIT greatest(least($1, s.concurrency - busy.leased), 0)
                ) AS q
                ORDER BY q.priority DESC, q.task_id
                LIMIT greatest(least($1, s.concurrency - busy.leased), 0)
            ) AS q
            ORDER BY tag
            LIMIT $1
        )
        SELECT q.tenant_id, q.run_id, q.ordinal
        FROM candidates AS c
        JOIN queue AS q ON q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
        WHERE q.worker_id IS NULL AND NOT q.held
        ORDER BY c.tag
        FOR UPDATE OF q SKIP LOCKED",
    )
    .bind(limit)
    .bind(HEAD_START)
    .bind(labels)
    .fetch_all(tx)
    .await?;
    Ok(picked)
}

/// A leased task with all that its worker needs.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Leased {
    pub tenant_id: TenantId,
    pub run_id: RunId,
    pub task_id: TaskId,
    pub ordinal: i32,
    pub attempt: i32,
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
}

/// Leases picked tasks to workers and charges the tenants' virtual time. Runs whose first task is among them run from now
/// on; one that somebody else holds right now is left to him.
pub async fn lease(
    tx: &mut PgConnection,
    picked: &[Picked],
    workers: &[WorkerId],
    lease: Duration,
) -> Result<Vec<Leased>> {
    let leased = sqlx::query_as(
        "WITH taken AS (
            UPDATE queue AS q
            SET
                worker_id = c.worker_id,
                lease_until = now() + $5,
                -- A lease longer than the worker has, so that it may say itself that the time is over.
                give_up_at = now() + make_interval(secs => least(q.timeout_ms / 1000.0, 1e9)) + $5,
                attempt = q.attempt + 1,
                started_at = now()
            FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[]) AS c (tenant_id, run_id, ordinal, worker_id)
            WHERE q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
            RETURNING q.tenant_id, q.run_id, q.task_id, q.ordinal, q.attempt, q.worker_id, q.inputs
        ),
        newest AS (SELECT coalesce(max(virtual_time), 0) AS virtual_time FROM shares),
        charged AS (
            UPDATE shares AS s
            SET virtual_time = greatest(s.virtual_time, newest.virtual_time - $6) + c.tasks
            FROM newest, (SELECT tenant_id, count(*) AS tasks FROM taken GROUP BY tenant_id) AS c
            WHERE s.tenant_id = c.tenant_id
        ),
        fresh AS (
            SELECT r.tenant_id, r.id
            FROM (SELECT DISTINCT tenant_id, run_id FROM taken) AS k
            JOIN runs AS r ON r.tenant_id = k.tenant_id AND r.id = k.run_id
            WHERE r.status = 'pending'
            FOR UPDATE OF r SKIP LOCKED
        ),
        begun AS (
            UPDATE runs AS r
            SET status = 'running', started_at = coalesce(r.started_at, now())
            FROM fresh AS f
            WHERE r.tenant_id = f.tenant_id AND r.id = f.id
        )
        SELECT
            k.tenant_id, k.run_id, k.task_id, k.ordinal, k.attempt, k.worker_id, r.project_id,
            coalesce(r.workflow_id, r.job_id) AS workflow_id, t.place, t.atom, t.atom_version, t.config::text AS config,
            k.inputs::text AS inputs, t.datasets::text AS datasets, t.timeout_ms, t.secrets, r.context::text AS context
        FROM taken AS k
        JOIN tasks AS t ON t.tenant_id = k.tenant_id AND t.run_id = k.run_id AND t.ordinal = k.ordinal
        JOIN runs AS r ON r.tenant_id = k.tenant_id AND r.id = k.run_id",
    )
    .bind(picked.iter().map(|pick| pick.0).collect::<Vec<_>>())
    .bind(picked.iter().map(|pick| pick.1).collect::<Vec<_>>())
    .bind(picked.iter().map(|pick| pick.2).collect::<Vec<_>>())
    .bind(workers)
    .bind(interval(lease))
    .bind(HEAD_START)
    .fetch_all(tx)
    .await?;
    Ok(leased)
}
