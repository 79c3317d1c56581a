//! Carries out what the core decides: results in, tasks and runs forward, all in the caller's transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId, WorkerId};

use crate::domain::backoff::pause_after;
use crate::domain::engine::{Command, Event, RunStatus, TaskStatus, apply};
use crate::events;
use crate::jobs::input::Ending;
use crate::jobs::registrar;
use crate::store::live::{self, LiveRun, RunChange, RunError, TaskChange};
use crate::store::queue::{self, Ready, TaskKey};
use crate::store::status;

/// An attempt that ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Who told; none when nobody did.
    pub worker: Option<WorkerId>,
    /// The attempt.
    pub key: TaskKey,
    /// How.
    pub ending: Ending,
}

/// What changed, for those who listen.
#[derive(Debug, Default)]
pub struct Settled {
    /// Tasks with their new status.
    pub tasks: Vec<(TenantId, RunId, TaskId, &'static str)>,
    /// Runs that ended, with their status.
    pub runs: Vec<(TenantId, RunId, &'static str)>,
    /// Whether tasks became ready.
    pub ready: bool,
}

/// Records endings. Those that come twice or too late change nothing.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn settle(tx: &mut PgConnection, ended: &[Ended]) -> Result<Settled> {
    if ended.is_empty() {
        return Ok(Settled::default());
    }
    let keys: BTreeSet<(TenantId, RunId)> = ended.iter().map(|e| (e.key.tenant_id, e.key.run_id)).collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let runs = live::load(tx, &keys).await?;
    let index: HashMap<RunId, usize> = runs.iter().enumerate().map(|(position, run)| (run.id, position)).collect();
    let mut desk = Desk { runs, changes: Changes::default() };
    for one in ended {
        if let Some(&position) = index.get(&one.key.run_id) {
            desk.handle(position, one);
        }
    }
    desk.write(tx).await
}

/// Applies one event that concerns a whole run, such as its start or its cancellation.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn settle_run(tx: &mut PgConnection, run: LiveRun, event: Event) -> Result<Settled> {
    let mut desk = Desk { runs: vec![run], changes: Changes::default() };
    desk.carry_out(0, event, None);
    desk.write(tx).await
}

/// Runs under work, and what is to be written.
struct Desk {
    runs: Vec<LiveRun>,
    changes: Changes,
}

#[derive(Default)]
struct Changes {
    tasks: BTreeMap<(RunId, usize), TaskChange>,
    ready: Vec<Ready>,
    requeued: Vec<(TenantId, TaskId, Duration)>,
    removed: Vec<(TenantId, TaskId)>,
    touched: BTreeSet<usize>,
    errors: HashMap<usize, RunError>,
    finished: Vec<(usize, RunStatus)>,
}

impl Desk {
    fn handle(&mut self, position: usize, ended: &Ended) {
        let ordinal = usize::try_from(ended.key.ordinal).unwrap_or(usize::MAX);
        let attempt = ended.key.attempt.unsigned_abs();
        if self.runs[position].tasks.get(ordinal).is_none_or(|task| task.id != ended.key.task_id) {
            return;
        }
        let event = match &ended.ending {
            Ending::Completed(_) => Event::Completed { ordinal, attempt },
            Ending::Failed { retryable, .. } => Event::Failed { ordinal, attempt, retryable: *retryable },
            Ending::Lost => Event::Lost { ordinal, attempt },
        };
        self.carry_out(position, event, Some(&ended.ending));
    }

    fn carry_out(&mut self, position: usize, event: Event, ending: Option<&Ending>) {
        let state = &mut self.runs[position].state;
        let running: Vec<bool> = state.tasks.iter().map(|task| task.status == TaskStatus::Running).collect();
        let commands = apply(state, event);
        if !commands.is_empty() {
            self.changes.touched.insert(position);
        }
        for command in commands {
            match command {
                Command::Enqueue { ordinal } => self.enqueue(position, ordinal),
                Command::Requeue { ordinal, failures } => self.requeue(position, ordinal, failures, ending),
                Command::End { ordinal, status } => self.end(position, ordinal, status, ending),
                Command::Finish { status } => self.changes.finished.push((position, status)),
            }
            if let Command::Requeue { ordinal, .. } | Command::End { ordinal, .. } = command
                && running[ordinal]
            {
                self.change(position, ordinal).worked = true;
            }
        }
    }

    fn enqueue(&mut self, position: usize, ordinal: usize) {
        let run = &mut self.runs[position];
        let inputs: Vec<_> = run.state.tasks[ordinal]
            .upstream
            .iter()
            .filter_map(|edge| run.tasks[edge.from].handed_on.clone())
            .collect();
        let task = &mut run.tasks[ordinal];
        task.inputs.clone_from(&inputs);
        self.changes.ready.push(Ready {
            tenant: run.tenant,
            run: run.id,
            task: task.id,
            ordinal: signed(ordinal),
            priority: task.priority,
            held: run.paused,
        });
        let change = self.change(position, ordinal);
        change.queued = true;
        change.inputs = serde_json::to_string(&inputs).ok();
    }

    fn requeue(&mut self, position: usize, ordinal: usize, failures: u32, ending: Option<&Ending>) {
        let run = &self.runs[position];
        let pause = if failures == 0 { Duration::ZERO } else { pause_after(failures, jitter()) };
        self.changes.requeued.push((run.tenant, run.tasks[ordinal].id, pause));
        let change = self.change(position, ordinal);
        change.queued = true;
        note_failure(change, ending);
    }

    fn end(&mut self, position: usize, ordinal: usize, task_status: TaskStatus, ending: Option<&Ending>) {
        let run = &self.runs[position];
        self.changes.removed.push((run.tenant, run.tasks[ordinal].id));
        match (task_status, ending) {
            (TaskStatus::Completed, Some(Ending::Completed(result))) => self.complete(position, ordinal, result),
            (TaskStatus::Failed, Some(ending)) => self.fail(position, ordinal, ending),
            _ => {
                self.change(position, ordinal).ended = true;
            }
        }
    }

    fn complete(&mut self, position: usize, ordinal: usize, result: &trinity_proto::orchestration::TaskCompleted) {
        let run = &mut self.runs[position];
        let task = &mut run.tasks[ordinal];
        let handed_on = if task.passthrough { task.inputs.first().cloned() } else { registrar::handed_on(result) };
        task.handed_on.clone_from(&handed_on);
        let outputs = registrar::outputs(task.id, result);
        let rows_in = i64::try_from(result.rows_in).unwrap_or(i64::MAX);
        run.rows_processed = run.rows_processed.saturating_add(rows_in);
        let change = self.change(position, ordinal);
        change.ended = true;
        change.handed_on = handed_on.and_then(|file| serde_json::to_string(&file).ok());
        change.outputs = serde_json::to_string(&outputs).ok();
        change.rows_in = Some(rows_in);
        change.rows_out = Some(i64::try_from(result.rows_out).unwrap_or(i64::MAX));
        change.result = result.result.as_ref().map(|json| json.text.clone()).filter(|text| !text.is_empty());
        change.cached = result.cached;
        change.error_code = None;
        change.error_message = None;
    }

    fn fail(&mut self, position: usize, ordinal: usize, ending: &Ending) {
        let change = self.change(position, ordinal);
        change.ended = true;
        change.dead = true;
        note_failure(change, Some(ending));
        let (code, message) = (change.error_code.clone(), change.error_message.clone());
        let run = &self.runs[position];
        self.changes.errors.entry(position).or_insert_with(|| RunError {
            task: run.tasks[ordinal].place.clone(),
            task_id: run.tasks[ordinal].id,
            attempt: signed(run.state.tasks[ordinal].attempt as usize),
            code: code.unwrap_or_default(),
            message: message.unwrap_or_default(),
        });
    }

    /// The change of a task, with its status as it is now.
    fn change(&mut self, position: usize, ordinal: usize) -> &mut TaskChange {
        let run = &self.runs[position];
        let state = &run.state.tasks[ordinal];
        let change = self.changes.tasks.entry((run.id, ordinal)).or_insert_with(|| TaskChange {
            tenant: run.tenant,
            run: run.id,
            ordinal: signed(ordinal),
            status: "",
            losses: 0,
            inputs: None,
            handed_on: None,
            outputs: None,
            rows_in: None,
            rows_out: None,
            result: None,
            cached: false,
            error_code: None,
            error_message: None,
            dead: false,
            queued: false,
            ended: false,
            worked: false,
        });
        change.status = status::task_text(state.status);
        change.losses = signed(state.losses as usize);
        change
    }

    /// Writes everything, queue rows before task rows, and announces what ended.
    async fn write(self, tx: &mut PgConnection) -> Result<Settled> {
        let Self { runs, changes } = self;
        queue::insert(tx, &changes.ready).await?;
        queue::requeue(tx, &changes.requeued).await?;
        queue::remove(tx, &changes.removed).await?;
        let tasks: Vec<TaskChange> = changes.tasks.values().cloned().collect();
        live::write_tasks(tx, &tasks).await?;
        let run_changes: Vec<RunChange> =
            changes.touched.iter().map(|position| run_change(&runs[*position], changes.errors.get(position))).collect();
        live::write_runs(tx, &run_changes).await?;
        let finished = changes.finished.iter().map(|(position, status)| events::finished(&runs[*position], *status));
        let finished: Vec<_> = finished.collect();
        if !finished.is_empty() {
            trinity_outbox::write_all(tx, &RequestContext::service("orchestration"), finished).await?;
        }
        Ok(Settled {
            tasks: tasks
                .iter()
                .zip(changes.tasks.keys())
                .filter_map(|(change, (run, ordinal))| {
                    let live = runs.iter().find(|live| live.id == *run)?;
                    Some((change.tenant, *run, live.tasks.get(*ordinal)?.id, change.status))
                })
                .collect(),
            runs: changes
                .finished
                .iter()
                .map(|(position, status)| (runs[*position].tenant, runs[*position].id, status::run_text(*status)))
                .collect(),
            ready: !changes.ready.is_empty() || !changes.requeued.is_empty(),
        })
    }
}

fn note_failure(change: &mut TaskChange, ending: Option<&Ending>) {
    let (code, message) = match ending {
        Some(Ending::Failed { code, message, .. }) => (code.clone(), message.clone()),
        Some(Ending::Lost) => ("WORKER_LOST".to_owned(), "the worker fell silent while the task ran".to_owned()),
        _ => return,
    };
    change.error_code = Some(code);
    change.error_message = Some(message);
}

fn run_change(run: &LiveRun, error: Option<&RunError>) -> RunChange {
    let ended = run.state.status.is_final();
    RunChange {
        tenant: run.tenant,
        run: run.id,
        status: status::run_text(run.state.status),
        rows_processed: run.rows_processed,
        result: ended.then(|| counts(run)),
        error: error.cloned(),
        ended,
    }
}

/// How many tasks ended how, as JSON.
fn counts(run: &LiveRun) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &run.state.tasks {
        *counts.entry(status::task_text(task.status)).or_default() += 1;
    }
    serde_json::json!({ "tasks": counts }).to_string()
}

fn signed(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number between 0 and 1 that differs from call to call: the random end of a fresh UUID.
fn jitter() -> f64 {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    f64::from(u16::from_be_bytes([bytes[14], bytes[15]])) / f64::from(u16::MAX)
}
