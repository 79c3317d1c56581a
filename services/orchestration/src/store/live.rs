//! Live runs as the engine works on them: locked, loaded whole, and written back in one go.

use std::collections::HashMap;

use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::{JobId, ProjectId, RunId, TaskId, TenantId, UserId, WorkflowId};
use uuid::Uuid;

use crate::domain::backoff::Backoff;
use crate::domain::engine::{Edge, RunState, TaskState, TaskStatus};
use crate::domain::file::{File, Part, read_files};
use crate::domain::native::WORKFLOW;
use crate::domain::order::{Parent, Target};
use crate::store::queue::TaskKey;
use crate::store::status;

/// A run under the engine's lock.
#[derive(Debug, Clone)]
pub struct LiveRun {
    pub tenant: TenantId,
    pub id: RunId,
    pub target: Target,
    pub project: ProjectId,
    /// The workflow's or the job's.
    pub name: String,
    pub paused: bool,
    /// Whether other runs with its key leave it room.
    pub admitted: bool,
    /// Whether it shares a key with other runs.
    pub keyed: bool,
    /// Whether a schedule started it, whose next run may wait for its end.
    pub scheduled: bool,
    /// Whether its workflow or job says who is told how it ends.
    pub notified: bool,
    pub rows_processed: i64,
    pub parent: Option<Parent>,
    /// How many runs are above it.
    pub depth: i32,
    pub priority: i32,
    pub created_by: UserId,
    /// The engine that has its tasks in memory, when nobody else has written them since.
    pub kept_by: Option<Uuid>,
    /// Known when something in the run may ask for it.
    pub context: Option<String>,
    /// What its parent's task handed to it: files as JSON.
    pub inputs: Option<String>,
    pub state: RunState,
    pub tasks: Vec<LiveTask>,
}

impl LiveRun {
    /// Whether something in the run may ask for its context.
    #[must_use]
    pub fn asks_for_context(&self) -> bool {
        self.tasks.iter().zip(&self.state.tasks).any(|(task, state)| {
            task.atom == WORKFLOW && state.status == TaskStatus::Queued || !task.conditions.is_empty()
        })
    }

    /// Whether other runs may lie below this one.
    #[must_use]
    pub fn has_children(&self) -> bool {
        self.tasks.iter().any(|task| task.atom == WORKFLOW)
    }
}

/// What the engine knows of a task besides its state.
#[derive(Debug, Clone)]
pub struct LiveTask {
    pub id: TaskId,
    pub place: String,
    pub atom: String,
    /// Known for atoms that the engine carries out itself.
    pub config: String,
    pub passthrough: bool,
    pub priority: i32,
    /// Which workers may take it.
    pub label: String,
    /// How long an attempt may take.
    pub timeout_ms: i64,
    pub backoff: Backoff,
    /// For each edge the expression that must hold; empty when none has one.
    pub conditions: Vec<String>,
    /// What it reads, once it is ready.
    pub inputs: Vec<File>,
    /// What it hands on, once it has completed.
    pub handed_on: Vec<File>,
    /// What a fan-out behind it may go over, once it has completed.
    pub parts: Vec<Part>,
}

#[derive(sqlx::FromRow)]
struct RunRow {
    tenant_id: TenantId,
    id: RunId,
    workflow_id: Option<WorkflowId>,
    job_id: Option<JobId>,
    project_id: ProjectId,
    name: String,
    status: String,
    paused: bool,
    admitted: bool,
    keyed: bool,
    scheduled: bool,
    notified: bool,
    rows_processed: i64,
    parent_run_id: Option<RunId>,
    parent_task_id: Option<TaskId>,
    item: Option<i32>,
    depth: i32,
    priority: i32,
    created_by: UserId,
    kept_by: Option<Uuid>,
    inputs: Option<String>,
}

#[derive(sqlx::FromRow)]
struct TaskRow {
    run_id: RunId,
    id: TaskId,
    place: String,
    atom: String,
    config: Option<String>,
    passthrough: bool,
    any_input: bool,
    priority: i32,
    worker_label: String,
    timeout_ms: i64,
    backoff_ms: i64,
    max_backoff_ms: i64,
    status: String,
    attempt: i32,
    losses: i32,
    max_attempts: i32,
    upstream: Vec<i32>,
    edge_types: Vec<String>,
    edge_conditions: Vec<String>,
    opened: Option<Vec<i32>>,
    inputs: Option<String>,
    handed_on: Option<String>,
    parts: Option<String>,
}

/// Locks runs in id order, then their rows of the queue, and loads them.
///
/// Invariant: locks are taken in the order runs, queue, tasks, and by id within each.
pub async fn load(tx: &mut PgConnection, keys: &[(TenantId, RunId)]) -> Result<Vec<LiveRun>> {
    let locked = lock(tx, keys).await?;
    let mut runs = locked.into_iter().map(Locked::empty).collect::<Result<Vec<_>>>()?;
    load_tasks(tx, &mut [], &[], &mut runs.iter_mut().collect::<Vec<_>>()).await?;
    Ok(runs)
}

/// A run that is locked, without its tasks.
pub struct Locked(RunRow);

impl Locked {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.0.id
    }

    /// The engine that has its tasks in memory, when nobody else has written them since.
    #[must_use]
    pub fn kept_by(&self) -> Option<Uuid> {
        self.0.kept_by
    }

    /// The run with tasks that are known from before.
    ///
    /// # Errors
    /// `Internal` for a row that the table does not admit.
    pub fn with_tasks_of(self, known: LiveRun) -> Result<LiveRun> {
        let run = self.empty()?;
        Ok(LiveRun {
            context: known.context,
            tasks: known.tasks,
            state: RunState { status: run.state.status, tasks: known.state.tasks },
            ..run
        })
    }

    /// The run before its tasks are loaded.
    ///
    /// # Errors
    /// `Internal` for a row that the table does not admit.
    pub fn empty(self) -> Result<LiveRun> {
        live_run(self.0)
    }
}

/// The least and the greatest of the ids of runs.
///
/// Why statements about many runs say them once more: a plan that is made before the ids are known opens the partitions of
/// all months, and this lets it leave out all but those of these runs.
pub fn span(runs: impl Iterator<Item = RunId>) -> (RunId, RunId) {
    runs.fold((RunId::from(Uuid::max()), RunId::NIL), |(least, greatest), run| (least.min(run), greatest.max(run)))
}

/// Locks runs in id order.
pub async fn lock(tx: &mut PgConnection, keys: &[(TenantId, RunId)]) -> Result<Vec<Locked>> {
    let (oldest, newest) = span(keys.iter().map(|key| key.1));
    let runs: Vec<RunRow> = sqlx::query_as(
        "SELECT
            r.tenant_id, r.id, workflow_id, job_id, project_id, name, status, paused, admitted,
            concurrency_key IS NOT NULL AS keyed, schedule_id IS NOT NULL AS scheduled, notify IS NOT NULL AS notified,
            rows_processed, parent_run_id, parent_task_id, item, depth, priority, created_by, kept_by,
            inputs::text AS inputs
        FROM (
            SELECT tenant_id, id FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id) ORDER BY id
        ) AS k
        CROSS JOIN LATERAL (
            SELECT *
            FROM runs AS r
            WHERE r.tenant_id = k.tenant_id AND r.id = k.id AND r.id BETWEEN $3 AND $4
            FOR UPDATE
        ) AS r",
    )
    .bind(keys.iter().map(|key| key.0).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.1).collect::<Vec<_>>())
    .bind(oldest)
    .bind(newest)
    .fetch_all(tx)
    .await?;
    Ok(runs.into_iter().map(Locked).collect())
}

/// A row of the queue: what changes while a task waits and runs.
#[derive(sqlx::FromRow)]
struct QueueRow {
    run_id: RunId,
    ordinal: i32,
    attempt: i32,
    leased: bool,
    inputs: Option<String>,
}

impl QueueRow {
    /// Takes it over into its task.
    fn apply(self, runs: &mut HashMap<RunId, &mut LiveRun>) {
        let ordinal = usize::try_from(self.ordinal).unwrap_or(usize::MAX);
        let Some(run) = runs.get_mut(&self.run_id) else { return };
        let Some((state, task)) = run.state.tasks.get_mut(ordinal).zip(run.tasks.get_mut(ordinal)) else { return };
        state.enqueued = true;
        state.attempt = self.attempt.unsigned_abs();
        state.status = if self.leased { TaskStatus::Running } else { TaskStatus::Queued };
        if let Some(inputs) = self.inputs {
            task.inputs = read_files(Some(&inputs));
        }
    }
}

/// Loads the tasks of runs that are locked. Of the known ones only the queue's rows of these attempts are locked, and what
/// leases have changed there is taken over; of the others all rows are, and all tasks are read.
pub async fn load_tasks(
    tx: &mut PgConnection,
    known: &mut [&mut LiveRun],
    attempts: &[TaskKey],
    unknown: &mut [&mut LiveRun],
) -> Result<()> {
    // Why one statement: whoever locks in turns, first these and then those, waits for others in a circle.
    let waiting: Vec<QueueRow> = sqlx::query_as(
        "SELECT
            q.run_id, q.ordinal, q.attempt, q.worker_id IS NOT NULL AS leased,
            CASE WHEN k.whole THEN q.inputs::text END AS inputs
        FROM (
            SELECT k.tenant_id, k.run_id, q.ordinal, true AS whole
            FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, run_id)
            CROSS JOIN LATERAL (
                SELECT ordinal FROM queue WHERE tenant_id = k.tenant_id AND run_id = k.run_id OFFSET 0
            ) AS q
            UNION
            SELECT tenant_id, run_id, ordinal, false
            FROM unnest($3::uuid[], $4::uuid[], $5::integer[]) AS k (tenant_id, run_id, ordinal)
            ORDER BY run_id, ordinal
        ) AS k
        CROSS JOIN LATERAL (
            SELECT *
            FROM queue AS q
            WHERE q.tenant_id = k.tenant_id AND q.run_id = k.run_id AND q.ordinal = k.ordinal
            FOR UPDATE
        ) AS q",
    )
    .bind(unknown.iter().map(|run| run.tenant).collect::<Vec<_>>())
    .bind(unknown.iter().map(|run| run.id).collect::<Vec<_>>())
    .bind(attempts.iter().map(|key| key.tenant_id).collect::<Vec<_>>())
    .bind(attempts.iter().map(|key| key.run_id).collect::<Vec<_>>())
    .bind(attempts.iter().map(|key| key.ordinal).collect::<Vec<_>>())
    .fetch_all(&mut *tx)
    .await?;
    if !unknown.is_empty() {
        read_tasks(tx, unknown).await?;
    }
    let mut by_id: HashMap<RunId, &mut LiveRun> = known.iter_mut().map(|run| (run.id, &mut **run)).collect();
    by_id.extend(unknown.iter_mut().map(|run| (run.id, &mut **run)));
    for row in waiting {
        row.apply(&mut by_id);
    }
    Ok(())
}

/// Reads all tasks of runs. A task at work without a row of the queue is one that the engine carries out itself.
async fn read_tasks(tx: &mut PgConnection, runs: &mut [&mut LiveRun]) -> Result<()> {
    let (oldest, newest) = span(runs.iter().map(|run| run.id));
    let rows: Vec<TaskRow> = sqlx::query_as(
        "SELECT
            k.run_id, t.id, place, atom, CASE WHEN atom IN ('workflow', 'input', 'output') THEN config::text END AS config,
            passthrough, any_input, t.priority, worker_label, t.timeout_ms, backoff_ms, max_backoff_ms, status, attempt,
            losses, max_attempts, upstream, edge_types, edge_conditions, opened, inputs::text AS inputs,
            handed_on::text AS handed_on, parts::text AS parts
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, run_id)
        CROSS JOIN LATERAL (
            SELECT *
            FROM tasks
            WHERE tenant_id = k.tenant_id AND run_id = k.run_id AND run_id BETWEEN $3 AND $4
            ORDER BY ordinal
            OFFSET 0
        ) AS t",
    )
    .bind(runs.iter().map(|run| run.tenant).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.id).collect::<Vec<_>>())
    .bind(oldest)
    .bind(newest)
    .fetch_all(&mut *tx)
    .await?;
    let mut by_run: HashMap<RunId, Vec<TaskRow>> = HashMap::new();
    for row in rows {
        by_run.entry(row.run_id).or_default().push(row);
    }
    for run in runs.iter_mut() {
        let rows = by_run.remove(&run.id).unwrap_or_default();
        run.state.tasks = rows.iter().map(task_state).collect::<Result<_>>()?;
        run.tasks = rows.into_iter().map(live_task).collect();
    }
    load_contexts(tx, runs).await
}

/// Contexts may be large, so they are read for the runs alone in which something may ask for them.
async fn load_contexts(tx: &mut PgConnection, runs: &mut [&mut LiveRun]) -> Result<()> {
    let asking: Vec<&mut &mut LiveRun> = runs.iter_mut().filter(|run| run.asks_for_context()).collect();
    if asking.is_empty() {
        return Ok(());
    }
    let contexts: Vec<(RunId, String)> = sqlx::query_as(
        "SELECT r.id, r.context::text
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
        CROSS JOIN LATERAL (SELECT * FROM runs WHERE tenant_id = k.tenant_id AND id = k.id OFFSET 0) AS r",
    )
    .bind(asking.iter().map(|run| run.tenant).collect::<Vec<_>>())
    .bind(asking.iter().map(|run| run.id).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    let mut contexts: HashMap<RunId, String> = contexts.into_iter().collect();
    for run in asking {
        run.context = contexts.remove(&run.id);
    }
    Ok(())
}

fn live_run(run: RunRow) -> Result<LiveRun> {
    let target = match (run.workflow_id, run.job_id) {
        (Some(id), _) => Target::Workflow(id, None),
        (None, Some(id)) => Target::Job(id),
        (None, None) => return Err(Error::internal("a run without a target")),
    };
    let parent = run.parent_run_id.zip(run.parent_task_id);
    Ok(LiveRun {
        tenant: run.tenant_id,
        id: run.id,
        target,
        project: run.project_id,
        name: run.name,
        paused: run.paused,
        admitted: run.admitted,
        keyed: run.keyed,
        scheduled: run.scheduled,
        notified: run.notified,
        rows_processed: run.rows_processed,
        parent: parent.map(|(id, task)| Parent { run: id, task, item: run.item }),
        depth: run.depth,
        priority: run.priority,
        created_by: run.created_by,
        kept_by: run.kept_by,
        context: None,
        inputs: run.inputs,
        state: RunState { status: status::run_status(&run.status)?, tasks: Vec::new() },
        tasks: Vec::new(),
    })
}

fn task_state(row: &TaskRow) -> Result<TaskState> {
    let place = |ordinal: &i32| usize::try_from(*ordinal).unwrap_or_default();
    let upstream = row
        .upstream
        .iter()
        .zip(&row.edge_types)
        .map(|(from, kind)| Ok(Edge { from: place(from), kind: status::edge_kind(kind)? }))
        .collect::<Result<_>>()?;
    let status = status::task_status(&row.status)?;
    Ok(TaskState {
        status,
        enqueued: status == TaskStatus::Running,
        attempt: row.attempt.unsigned_abs(),
        losses: row.losses.unsigned_abs(),
        max_attempts: row.max_attempts.unsigned_abs(),
        any_input: row.any_input,
        opened: row.opened.iter().flatten().map(place).collect(),
        upstream,
    })
}

fn live_task(row: TaskRow) -> LiveTask {
    LiveTask {
        id: row.id,
        place: row.place,
        atom: row.atom,
        config: row.config.unwrap_or_default(),
        passthrough: row.passthrough,
        priority: row.priority,
        label: row.worker_label,
        timeout_ms: row.timeout_ms,
        backoff: Backoff::of(row.backoff_ms.unsigned_abs(), row.max_backoff_ms.unsigned_abs()),
        conditions: row.edge_conditions,
        inputs: read_files(row.inputs.as_deref()),
        handed_on: read_files(row.handed_on.as_deref()),
        parts: row.parts.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
    }
}
