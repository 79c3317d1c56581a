//! What events changed in live runs and their tasks, written in one statement each.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId};
use uuid::Uuid;

use crate::store::live::span;

/// What an event changed in a task.
#[derive(Debug, Clone)]
pub struct TaskChange {
    pub tenant: TenantId,
    pub run: RunId,
    pub ordinal: i32,
    pub status: &'static str,
    pub losses: i32,
    /// The attempt that the engine itself began, and what it reads.
    pub started: Option<i32>,
    pub inputs: Option<String>,
    /// Set when it completed.
    pub handed_on: Option<String>,
    pub parts: Option<String>,
    /// As an array of Postgres.
    pub opened: Option<String>,
    pub outputs: Option<String>,
    pub rows_in: Option<i64>,
    pub rows_out: Option<i64>,
    pub result: Option<String>,
    pub cached: bool,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub dead: bool,
    /// How long it waits in the queue for its next attempt.
    pub pause: Option<Duration>,
    /// Whether it has ended and leaves the queue.
    pub ended: bool,
    /// Whether an attempt of it ended, whose time counts.
    pub worked: bool,
}

impl TaskChange {
    /// A change that changes nothing yet.
    #[must_use]
    pub fn new(tenant: TenantId, run: RunId, ordinal: i32) -> Self {
        Self {
            tenant,
            run,
            ordinal,
            status: "",
            losses: 0,
            started: None,
            inputs: None,
            handed_on: None,
            parts: None,
            opened: None,
            outputs: None,
            rows_in: None,
            rows_out: None,
            result: None,
            cached: false,
            error_code: None,
            error_message: None,
            dead: false,
            pause: None,
            ended: false,
            worked: false,
        }
    }
}

/// Writes task changes, with what the queue knows of them, and the time that attempts took as the tenants' usage. What has
/// ended leaves the queue; what has another attempt goes back to it.
pub async fn write_tasks(tx: &mut PgConnection, changes: &[TaskChange]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let (oldest, newest) = span(changes.iter().map(|change| change.run));
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
                $16::float8[], $17::boolean[], $18::boolean[], $19::integer[], $20::text[], $21::text[]
            ) AS c (
                tenant_id, run_id, ordinal, status, losses, inputs, handed_on, outputs, rows_in, rows_out, result,
                cached, error_code, error_message, dead, pause, ended, worked, started, parts, opened
            )
        ),
        known AS (
            SELECT c.*, q.attempt, q.inputs AS files, q.queued_at, q.started_at
            FROM c
            LEFT JOIN LATERAL (
                SELECT *
                FROM queue AS q
                WHERE q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
                OFFSET 0
            ) AS q ON true
        ),
        gone AS (
            DELETE FROM queue AS q
            USING c
            WHERE c.ended AND q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
        ),
        back AS (
            UPDATE queue AS q
            SET
                worker_id = NULL,
                lease_until = NULL,
                give_up_at = NULL,
                queued_at = now(),
                not_before = now() + make_interval(secs => c.pause)
            FROM c
            WHERE c.pause IS NOT NULL AND q.tenant_id = c.tenant_id AND q.run_id = c.run_id AND q.ordinal = c.ordinal
        ),
        used AS (
            INSERT INTO usage (tenant_id, task_ms)
            SELECT tenant_id, sum(greatest(extract(epoch FROM now() - started_at) * 1000, 0))::bigint
            FROM known
            WHERE worked
            GROUP BY tenant_id
        )
        UPDATE tasks AS t
        SET
            status = c.status,
            losses = c.losses,
            inputs = coalesce(c.inputs::json, c.files, t.inputs),
            attempt = coalesce(c.started, c.attempt, t.attempt),
            queued_at = CASE WHEN c.started IS NULL THEN coalesce(c.queued_at, t.queued_at) ELSE now() END,
            started_at = CASE WHEN c.started IS NULL THEN coalesce(c.started_at, t.started_at) ELSE now() END,
            handed_on = c.handed_on::json,
            parts = c.parts::json,
            opened = c.opened::integer[],
            outputs = c.outputs::json,
            rows_in = c.rows_in,
            rows_out = c.rows_out,
            result = c.result::json,
            cached = c.cached,
            error_code = c.error_code,
            error_message = c.error_message,
            dead = c.dead,
            completed_at = CASE WHEN c.ended THEN now() END
        FROM known AS c
        WHERE t.tenant_id = c.tenant_id AND t.run_id = c.run_id AND t.ordinal = c.ordinal
            AND t.run_id BETWEEN $22 AND $23",
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
    .bind(changes.iter().map(|change| change.pause.map(|pause| pause.as_secs_f64())).collect::<Vec<_>>())
    .bind(column!(ended))
    .bind(column!(worked))
    .bind(column!(started))
    .bind(column!(parts))
    .bind(column!(opened))
    .bind(oldest)
    .bind(newest)
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
    /// The engine that keeps its tasks in memory from now on.
    pub kept_by: Option<Uuid>,
}

/// The first failure of a run.
#[derive(Debug, Clone)]
pub struct RunError {
    pub task: String,
    /// None when the run as a whole failed.
    pub task_id: Option<TaskId>,
    pub attempt: i32,
    pub code: String,
    pub message: String,
}

/// Writes run changes in one statement.
pub async fn write_runs(tx: &mut PgConnection, changes: &[RunChange]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let (oldest, newest) = span(changes.iter().map(|change| change.run));
    let error = |pick: fn(&RunError) -> String| changes.iter().map(|c| c.error.as_ref().map(pick)).collect::<Vec<_>>();
    sqlx::query(
        "UPDATE runs AS r
        SET
            status = c.status,
            rows_processed = c.rows_processed,
            result = c.result::json,
            -- The first failure stays, unless the run as a whole failed.
            error_task = CASE WHEN r.error_code IS NULL OR c.overrides THEN c.error_task ELSE r.error_task END,
            error_task_id = CASE WHEN r.error_code IS NULL OR c.overrides THEN c.error_task_id ELSE r.error_task_id END,
            error_attempt = CASE WHEN r.error_code IS NULL OR c.overrides THEN c.error_attempt ELSE r.error_attempt END,
            error_code = CASE WHEN r.error_code IS NULL OR c.overrides THEN c.error_code ELSE r.error_code END,
            error_message = CASE WHEN r.error_code IS NULL OR c.overrides THEN c.error_message ELSE r.error_message END,
            started_at = coalesce(r.started_at, CASE WHEN c.status <> 'pending' THEN now() END),
            completed_at = CASE WHEN c.ended THEN now() END,
            kept_by = c.kept_by
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::integer[],
            $9::text[], $10::text[], $11::boolean[], $12::boolean[], $13::uuid[]
        ) AS c (
            tenant_id, id, status, rows_processed, result, error_task, error_task_id, error_attempt, error_code,
            error_message, ended, overrides, kept_by
        )
        WHERE r.tenant_id = c.tenant_id AND r.id = c.id AND r.id BETWEEN $14 AND $15",
    )
    .bind(changes.iter().map(|c| c.tenant).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.run).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.status).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.rows_processed).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.result.clone()).collect::<Vec<_>>())
    .bind(error(|e| e.task.clone()))
    .bind(changes.iter().map(|c| c.error.as_ref().and_then(|e| e.task_id)).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.error.as_ref().map(|e| e.attempt)).collect::<Vec<_>>())
    .bind(error(|e| e.code.clone()))
    .bind(error(|e| e.message.clone()))
    .bind(changes.iter().map(|c| c.ended).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.error.as_ref().is_some_and(|e| e.task_id.is_none())).collect::<Vec<_>>())
    .bind(changes.iter().map(|c| c.kept_by).collect::<Vec<_>>())
    .bind(oldest)
    .bind(newest)
    .execute(tx)
    .await?;
    Ok(())
}
