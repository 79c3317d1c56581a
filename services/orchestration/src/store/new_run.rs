//! New runs with their tasks.

use std::fmt::Display;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{ProjectId, TaskId, UserId};
use uuid::Uuid;

use crate::domain::order::{Order, Target};

/// No run takes longer: about ten years, so that a deadline is always a time.
const MAX_TIMEOUT_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// A key that runs of a project share, and how many of them go at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    pub key: String,
    pub limit: i32,
}

/// What a new run is made of.
#[derive(Debug, Clone)]
pub struct NewRun {
    pub order: Order,
    /// The workflow's or the job's.
    pub name: String,
    pub owner: UserId,
    pub project: ProjectId,
    pub project_owner: UserId,
    pub version: u64,
    /// Who is told how it ends, as JSON.
    pub notify: Option<String>,
    /// A run with a key is not admitted at first.
    pub concurrency: Option<Concurrency>,
}

/// A task of a new run.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub id: TaskId,
    pub place: String,
    pub molecule: String,
    pub atom: String,
    pub atom_version: String,
    pub config: String,
    pub upstream: Vec<i32>,
    pub edge_types: Vec<&'static str>,
    /// For each edge the expression that must hold; empty when none has one.
    pub edge_conditions: Vec<String>,
    pub passthrough: bool,
    pub any_input: bool,
    /// The files behind the config's dataset ids, as JSON.
    pub datasets: String,
    pub max_attempts: i32,
    pub timeout_ms: i64,
    pub backoff_ms: i64,
    pub max_backoff_ms: i64,
    pub priority: i32,
    pub worker_label: String,
    pub r#type: String,
    pub secrets: Vec<String>,
}

/// Inserts a pending run and its tasks; `keeper` is the engine that has them in memory.
pub async fn insert(tx: &mut PgConnection, run: &NewRun, tasks: &[NewTask], keeper: Option<Uuid>) -> Result<()> {
    let order = &run.order;
    let (workflow, job) = match order.target {
        Target::Workflow(id, _) => (Some(id), None),
        Target::Job(id) => (None, Some(id)),
    };
    let column = |pick: fn(&NewTask) -> &str| tasks.iter().map(|task| pick(task).to_owned()).collect::<Vec<_>>();
    // Why: UNNEST flattens arrays of arrays, so they travel as texts.
    let upstream: Vec<String> = tasks.iter().map(|task| array(&task.upstream)).collect();
    let edge_types: Vec<String> = tasks.iter().map(|task| array(&task.edge_types)).collect();
    let edge_conditions: Vec<String> = tasks.iter().map(|task| array(&task.edge_conditions)).collect();
    let secrets: Vec<String> = tasks.iter().map(|task| array(&task.secrets)).collect();
    sqlx::query(
        "WITH run AS (
            INSERT INTO runs (
                tenant_id, id, workflow_id, job_id, name, project_id, workflow_version, status, trigger, context,
                created_by, rerun_of, workflow_owner_id, project_owner_id, parent_run_id, parent_task_id, item, depth,
                schedule_id, hook_id, priority, timeout_ms, deadline_at, concurrency_key, concurrency_limit, admitted,
                inputs, notify, kept_by
            )
            VALUES (
                $1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9::json, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                $20, $21, CASE WHEN $21 > 0 THEN now() + make_interval(secs => $21 / 1000.0) END, $22, $23,
                $22 IS NULL, $24::json, $25::json, $46
            )
        )
        INSERT INTO tasks (
            tenant_id, run_id, ordinal, id, place, molecule, atom, atom_version, config, upstream, edge_types,
            edge_conditions, passthrough, datasets, status, max_attempts, timeout_ms, priority, any_input, backoff_ms,
            max_backoff_ms, worker_label, type, secrets
        )
        SELECT
            $1, $2, t.position - 1, t.id, t.place, t.molecule, t.atom, t.atom_version, t.config::json,
            t.upstream::integer[], t.edge_types::text[], t.edge_conditions::text[], t.passthrough, t.datasets::json,
            'queued', t.max_attempts, t.timeout_ms, t.priority, t.any_input, t.backoff_ms, t.max_backoff_ms,
            t.worker_label, t.type, t.secrets::text[]
        FROM unnest(
            $26::uuid[], $27::text[], $28::text[], $29::text[], $30::text[], $31::text[], $32::text[], $33::text[],
            $34::boolean[], $35::text[], $36::integer[], $37::bigint[], $38::integer[], $39::text[], $40::boolean[],
            $41::bigint[], $42::bigint[], $43::text[], $44::text[], $45::text[]
        ) WITH ORDINALITY AS t (
            id, place, molecule, atom, atom_version, config, upstream, edge_types, passthrough, datasets, max_attempts,
            timeout_ms, priority, edge_conditions, any_input, backoff_ms, max_backoff_ms, worker_label, type, secrets,
            position
        )",
    )
    .bind(order.tenant)
    .bind(order.id)
    .bind(workflow)
    .bind(job)
    .bind(&run.name)
    .bind(run.project)
    .bind(i64::try_from(run.version).unwrap_or(i64::MAX))
    .bind(order.trigger.text())
    .bind(&order.context)
    .bind(order.created_by)
    .bind(order.rerun_of)
    .bind(run.owner)
    .bind(run.project_owner)
    .bind(order.parent.map(|parent| parent.run))
    .bind(order.parent.map(|parent| parent.task))
    .bind(order.parent.and_then(|parent| parent.item))
    .bind(order.depth)
    .bind(order.schedule_id)
    .bind(order.hook_id)
    .bind(order.priority)
    .bind(i64::try_from(order.timeout_ms.min(MAX_TIMEOUT_MS)).unwrap_or(i64::MAX))
    .bind(run.concurrency.as_ref().map(|concurrency| concurrency.key.as_str()))
    .bind(run.concurrency.as_ref().map_or(0, |concurrency| concurrency.limit))
    .bind(&order.inputs)
    .bind(&run.notify)
    .bind(tasks.iter().map(|task| task.id).collect::<Vec<_>>())
    .bind(column(|task| &task.place))
    .bind(column(|task| &task.molecule))
    .bind(column(|task| &task.atom))
    .bind(column(|task| &task.atom_version))
    .bind(column(|task| &task.config))
    .bind(upstream)
    .bind(edge_types)
    .bind(tasks.iter().map(|task| task.passthrough).collect::<Vec<_>>())
    .bind(column(|task| &task.datasets))
    .bind(tasks.iter().map(|task| task.max_attempts).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.timeout_ms).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
    .bind(edge_conditions)
    .bind(tasks.iter().map(|task| task.any_input).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.backoff_ms).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.max_backoff_ms).collect::<Vec<_>>())
    .bind(column(|task| &task.worker_label))
    .bind(column(|task| &task.r#type))
    .bind(secrets)
    .bind(keeper)
    .execute(tx)
    .await?;
    Ok(())
}

/// An array as Postgres reads it. Source: PostgreSQL's manual, "Array Input and Output Syntax".
fn array<T: Display>(values: &[T]) -> String {
    let quoted = |value: &T| format!("\"{}\"", value.to_string().replace('\\', r"\\").replace('"', r#"\""#));
    format!("{{{}}}", values.iter().map(quoted).collect::<Vec<_>>().join(","))
}
