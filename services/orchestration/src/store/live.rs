//! Live runs as the engine works on them: locked, loaded whole, and written back in one go.

use std::collections::HashMap;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{ProjectId, RunId, TaskId, TenantId, WorkflowId};

use crate::domain::engine::{Edge, EdgeKind, RunState, TaskState};
use crate::domain::file::File;
use crate::store::status;

/// A run under the engine's lock.
#[derive(Debug, Clone)]
pub struct LiveRun {
    pub tenant: TenantId,
    pub id: RunId,
    pub workflow: WorkflowId,
    pub project: ProjectId,
    pub paused: bool,
    pub rows_processed: i64,
    pub state: RunState,
    pub tasks: Vec<LiveTask>,
}

/// What the engine knows of a task besides its state.
#[derive(Debug, Clone)]
pub struct LiveTask {
    pub id: TaskId,
    pub place: String,
    pub passthrough: bool,
    pub priority: i32,
    /// What it reads, once it is ready.
    pub inputs: Vec<File>,
    /// What it hands on, once it has completed.
    pub handed_on: Option<File>,
}

#[derive(sqlx::FromRow)]
struct RunRow {
    tenant_id: TenantId,
    id: RunId,
    workflow_id: WorkflowId,
    project_id: ProjectId,
    status: String,
    paused: bool,
    rows_processed: i64,
}

#[derive(sqlx::FromRow)]
struct TaskRow {
    run_id: RunId,
    id: TaskId,
    place: String,
    passthrough: bool,
    priority: i32,
    status: String,
    attempt: i32,
    losses: i32,
    max_attempts: i32,
    upstream: Vec<i32>,
    edge_types: Vec<String>,
    inputs: Option<String>,
    handed_on: Option<String>,
    enqueued: bool,
}

/// Locks runs in id order, then their rows of the queue, and loads them.
///
/// Invariant: locks are taken in the order runs, queue, tasks, and by id within each.
pub async fn load(tx: &mut PgConnection, keys: &[(TenantId, RunId)]) -> Result<Vec<LiveRun>> {
    let tenants: Vec<TenantId> = keys.iter().map(|key| key.0).collect();
    let ids: Vec<RunId> = keys.iter().map(|key| key.1).collect();
    let runs: Vec<RunRow> = sqlx::query_as(
        "SELECT r.tenant_id, r.id, workflow_id, project_id, status, paused, rows_processed
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
        JOIN runs AS r ON r.tenant_id = k.tenant_id AND r.id = k.id
        ORDER BY r.id
        FOR UPDATE OF r",
    )
    .bind(&tenants)
    .bind(&ids)
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query(
        "SELECT 1
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, run_id)
        JOIN queue AS q ON q.tenant_id = k.tenant_id AND q.run_id = k.run_id
        ORDER BY q.task_id
        FOR UPDATE OF q",
    )
    .bind(&tenants)
    .bind(&ids)
    .execute(&mut *tx)
    .await?;
    // Why: a statement of its own, so that it sees what the holders of those locks have written.
    let tasks: Vec<TaskRow> = sqlx::query_as(
        "SELECT
            t.run_id, t.id, place, passthrough, t.priority, status, t.attempt, losses, max_attempts, upstream,
            edge_types, inputs::text AS inputs, handed_on::text AS handed_on, q.task_id IS NOT NULL AS enqueued
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, run_id)
        JOIN tasks AS t ON t.tenant_id = k.tenant_id AND t.run_id = k.run_id
        LEFT JOIN queue AS q ON q.tenant_id = t.tenant_id AND q.task_id = t.id
        ORDER BY t.run_id, t.ordinal",
    )
    .bind(&tenants)
    .bind(&ids)
    .fetch_all(tx)
    .await?;
    assemble(runs, tasks)
}

fn assemble(runs: Vec<RunRow>, tasks: Vec<TaskRow>) -> Result<Vec<LiveRun>> {
    let mut by_run: HashMap<RunId, Vec<TaskRow>> = HashMap::new();
    for task in tasks {
        by_run.entry(task.run_id).or_default().push(task);
    }
    runs.into_iter()
        .map(|run| {
            let rows = by_run.remove(&run.id).unwrap_or_default();
            let states = rows.iter().map(task_state).collect::<Result<Vec<_>>>()?;
            Ok(LiveRun {
                tenant: run.tenant_id,
                id: run.id,
                workflow: run.workflow_id,
                project: run.project_id,
                paused: run.paused,
                rows_processed: run.rows_processed,
                state: RunState { status: status::run_status(&run.status)?, tasks: states },
                tasks: rows.into_iter().map(live_task).collect(),
            })
        })
        .collect()
}

fn task_state(row: &TaskRow) -> Result<TaskState> {
    let upstream = row.upstream.iter().zip(&row.edge_types).map(|(from, kind)| Edge {
        from: usize::try_from(*from).unwrap_or_default(),
        kind: if kind == "error" { EdgeKind::Error } else { EdgeKind::DataFlow },
    });
    Ok(TaskState {
        status: status::task_status(&row.status)?,
        enqueued: row.enqueued,
        attempt: row.attempt.unsigned_abs(),
        losses: row.losses.unsigned_abs(),
        max_attempts: row.max_attempts.unsigned_abs(),
        upstream: upstream.collect(),
    })
}

fn live_task(row: TaskRow) -> LiveTask {
    LiveTask {
        id: row.id,
        place: row.place,
        passthrough: row.passthrough,
        priority: row.priority,
        inputs: row.inputs.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        handed_on: row.handed_on.and_then(|text| serde_json::from_str(&text).ok()),
    }
}

/// What an event changed in a task.
#[derive(Debug, Clone)]
pub struct TaskChange {
    pub tenant: TenantId,
    pub run: RunId,
    pub ordinal: i32,
    pub status: &'static str,
    pub losses: i32,
    /// Set when it became ready.
    pub inputs: Option<String>,
    /// Set when it completed.
    pub handed_on: Option<String>,
    pub outputs: Option<String>,
    pub rows_in: Option<i64>,
    pub rows_out: Option<i64>,
    pub result: Option<String>,
    pub cached: bool,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub dead: bool,
    /// Whether it stands in the queue from now on.
    pub queued: bool,
    /// Whether it has ended.
    pub ended: bool,
    /// Whether an attempt of it ended, whose time counts.
    pub worked: bool,
}

/// Writes task changes, and the time that attempts took as the tenants' usage, in one statement.
pub async fn write_tasks(tx: &mut PgConnection, changes: &[TaskChange]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        ($field:ident) => {
            changes.iter().map(|change| change.$field.clone()).collect::<Vec<_>>()
        };
    }
    sqlx::query(
        "WITH c AS (
            SELECT *
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::integer[], $6::text[], $7::text[], $8::text[],
                $9::bigint[], $10::bigint[], $11::text[], $12::boolean[], $13::text[], $14::text[], $15::boolean[],
                $16::boolean[], $17::boolean[], $18::boolean[]
            ) AS c (
                tenant_id, run_id, ordinal, status, losses, inputs, handed_on, outputs, rows_in, rows_out, result,
                cached, error_code, error_message, dead, queued, ended, worked
            )
        ),
        used AS (
            INSERT INTO usage (tenant_id, task_ms)
            SELECT t.tenant_id, sum(greatest(extract(epoch FROM now() - t.started_at) * 1000, 0))::bigint
            FROM c
            JOIN tasks AS t ON t.tenant_id = c.tenant_id AND t.run_id = c.run_id AND t.ordinal = c.ordinal
            WHERE c.worked
            GROUP BY t.tenant_id
        )
        UPDATE tasks AS t
        SET
            status = c.status,
            losses = c.losses,
            inputs = coalesce(c.inputs::json, t.inputs),
            handed_on = c.handed_on::json,
            outputs = c.outputs::json,
            rows_in = c.rows_in,
            rows_out = c.rows_out,
            result = c.result::json,
            cached = c.cached,
            error_code = c.error_code,
            error_message = c.error_message,
            dead = c.dead,
            queued_at = CASE WHEN c.queued THEN now() ELSE t.queued_at END,
            completed_at = CASE WHEN c.ended THEN now() END
        FROM c
        WHERE t.tenant_id = c.tenant_id AND t.run_id = c.run_id AND t.ordinal = c.ordinal",
    )
    .bind(column!(tenant))
    .bind(column!(run))
    .bind(column!(ordinal))
    .bind(column!(status))
    .bind(column!(losses))
    .bind(column!(inputs))
    .bind(column!(handed_on))
    .bind(column!(outputs))
    .bind(column!(rows_in))
    .bind(column!(rows_out))
    .bind(column!(result))
    .bind(column!(cached))
    .bind(column!(error_code))
    .bind(column!(error_message))
    .bind(column!(dead))
    .bind(column!(queued))
    .bind(column!(ended))
    .bind(column!(worked))
    .execute(tx)
    .await?;
    Ok(())
}

/// What events changed in a run.
#[derive(Debug, Clone)]
pub struct RunChange {
    pub tenant: TenantId,
    pub run: RunId,
    pub status: &'static str,
    pub rows_processed: i64,
    pub result: Option<String>,
    pub error: Option<RunError>,
    pub ended: bool,
}

/// The first failure of a run.
#[derive(Debug, Clone)]
pub struct RunError {
    pub task: String,
    pub task_id: TaskId,
    pub attempt: i32,
    pub code: String,
    pub message: String,
}

/// Writes run changes in one statement.
pub async fn write_runs(tx: &mut PgConnection, changes: &[RunChange]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let error = |pick: fn(&RunError) -> String| changes.iter().map(|c| c.error.as_ref().map(pick)).collect::<Vec<_>>();
    sqlx::query(
        "UPDATE runs AS r
        SET
            status = c.status,
            rows_processed = c.rows_processed,
            result = c.result::json,
            error_task = coalesce(r.error_task, c.error_task),
            error_task_id = coalesce(r.error_task_id, c.error_task_id),
            error_attempt = coalesce(r.error_attempt, c.error_attempt),
            error_code = coalesce(r.error_code, c.error_code),
            error_message = coalesce(r.error_message, c.error_message),
            started_at = coalesce(r.started_at, now()),
            completed_at = CASE WHEN c.ended THEN now() END
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::integer[],
            $9::text[], $10::text[], $11::boolean[]
        ) AS c (
            tenant_id, id, status, rows_processed, result, error_task, error_task_id, error_attempt, error_code,
            error_message, ended
        )
        WHERE r.tenant_id = c.tenant_id AND r.id = c.id",
    )
    .bind(changes.iter().map(|c| c.tenant).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.run).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.status).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.rows_processed).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.result.clone()).collect::<Vec<_>>())
    .bind(error(|e| e.task.clone()))
    .bind(changes.iter().map(|c| c.error.as_ref().map(|e| e.task_id)).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.error.as_ref().map(|e| e.attempt)).collect::<Vec<_>>())
    .bind(error(|e| e.code.clone()))
    .bind(error(|e| e.message.clone()))
    .bind(changes.iter().map(|c| c.ended).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}
