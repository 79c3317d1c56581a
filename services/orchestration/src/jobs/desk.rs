//! The engine's desk: runs under work, what the core says of them, and what is to be written for it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use trinity_ids::RunId;
use uuid::Uuid;

use crate::domain::engine::{Command, Event, RunStatus, TaskStatus, apply};
use crate::domain::file::{File, write_files};
use crate::domain::native::{is_join, is_native};
use crate::domain::result::TaskResult;
use crate::jobs::conditions::{self, Parsed};
use crate::jobs::input::Ending;
use crate::jobs::registrar;
use crate::jobs::settle::Ended;
use crate::store::change::{RunError, TaskChange};
use crate::store::live::LiveRun;
use crate::store::queue::{Ready, TaskKey};
use crate::store::start::NewStart;
use crate::store::status;

/// Runs under work, and what is to be written.
pub struct Desk {
    pub(super) runs: Vec<LiveRun>,
    pub(super) changes: Changes,
    /// Tasks that the engine carries out itself, not yet begun.
    natives: VecDeque<(usize, usize)>,
    /// Why followers cannot go: the words about a condition.
    pub(super) faults: HashMap<(usize, usize), String>,
    pub(super) parsed: Parsed,
    /// The engine that keeps large runs in memory; none for one who settles once.
    pub(super) keeper: Option<Uuid>,
}

/// What is to be written.
#[derive(Default)]
pub(super) struct Changes {
    pub tasks: BTreeMap<(RunId, usize), TaskChange>,
    pub ready: Vec<Ready>,
    pub starts: Vec<NewStart>,
    /// Whether further items of a fan-out may start.
    pub opened: bool,
    pub touched: BTreeSet<usize>,
    pub errors: HashMap<usize, RunError>,
    pub finished: Vec<(usize, RunStatus)>,
    pub stopped: Vec<TaskKey>,
}

impl Desk {
    /// A desk for runs that are locked.
    pub fn new(runs: Vec<LiveRun>) -> Self {
        Self {
            runs,
            changes: Changes::default(),
            natives: VecDeque::new(),
            faults: HashMap::new(),
            parsed: Parsed::new(),
            keeper: None,
        }
    }

    /// Takes the end of an attempt.
    pub fn handle(&mut self, position: usize, ended: &Ended) {
        let ordinal = usize::try_from(ended.key.ordinal).unwrap_or(usize::MAX);
        let attempt = ended.key.attempt.unsigned_abs();
        if self.runs[position].tasks.get(ordinal).is_none_or(|task| task.id != ended.key.task_id) {
            return;
        }
        match &ended.ending {
            Ending::Completed(completed) => {
                let task = &self.runs[position].tasks[ordinal];
                let result = registrar::result(task, completed);
                self.complete(position, ordinal, attempt, &result);
            }
            Ending::Failed { retryable, .. } => {
                let event = Event::Failed { ordinal, attempt, retryable: *retryable };
                self.carry_out(position, event, Some(Outcome::Failed(&ended.ending)));
            }
            Ending::Lost => {
                self.carry_out(position, Event::Lost { ordinal, attempt }, Some(Outcome::Failed(&ended.ending)));
            }
        }
    }

    /// Takes a task's result.
    pub fn complete(&mut self, position: usize, ordinal: usize, attempt: u32, result: &TaskResult) {
        let (opened, broken) = conditions::verdicts(self, position, ordinal, result);
        let event = Event::Completed { ordinal, attempt, opened, broken };
        self.carry_out(position, event, Some(Outcome::Completed(result)));
        // Why: a result that came too late has broken nothing.
        self.faults.clear();
    }

    /// Lets the core say what an event means, notes it, and begins what the engine carries out itself.
    pub fn carry_out(&mut self, position: usize, event: Event, outcome: Option<Outcome<'_>>) {
        let state = &mut self.runs[position].state;
        let before = state.status;
        let running: Vec<bool> = state.tasks.iter().map(|task| task.status == TaskStatus::Running).collect();
        let timed_out = event == Event::TimedOut && !before.is_final();
        let commands = apply(state, event);
        if state.status != before {
            self.changes.touched.insert(position);
        }
        for command in commands {
            match command {
                Command::Enqueue { ordinal } => self.enqueue(position, ordinal),
                Command::Requeue { ordinal, failures } => self.requeue(position, ordinal, failures, outcome),
                Command::End { ordinal, status } => self.end(position, ordinal, status, running[ordinal], outcome),
                Command::Finish { status } => self.changes.finished.push((position, status)),
            }
            if let Command::Requeue { ordinal, .. } | Command::End { ordinal, .. } = command
                && running[ordinal]
                && !is_native(&self.runs[position].tasks[ordinal].atom)
            {
                self.change(position, ordinal).worked = true;
            }
        }
        if timed_out {
            let message = "the run was not done within the time that it may take";
            self.blame(position, "RUN_TIMEOUT", message.to_owned());
        }
        while let Some((position, ordinal)) = self.natives.pop_front() {
            super::native::begin(self, position, ordinal);
        }
    }

    /// Says why a run as a whole failed, whatever its tasks came to.
    pub fn blame(&mut self, position: usize, code: &str, message: String) {
        self.changes.touched.insert(position);
        let error =
            RunError { task: String::new(), task_id: None, attempt: 0, code: code.to_owned(), message: plain(message) };
        self.changes.errors.insert(position, error);
    }

    /// What the followed edges bring to a task.
    fn inputs(&self, position: usize, ordinal: usize) -> Vec<File> {
        let run = &self.runs[position];
        let edges = run.state.tasks[ordinal].upstream.iter();
        let followed = edges.filter(|edge| run.state.is_followed(**edge, ordinal));
        followed.flat_map(|edge| run.tasks[edge.from].handed_on.iter().cloned()).collect()
    }

    fn enqueue(&mut self, position: usize, ordinal: usize) {
        let inputs = self.inputs(position, ordinal);
        let run = &mut self.runs[position];
        let task = &mut run.tasks[ordinal];
        task.inputs.clone_from(&inputs);
        // Why: one table of a fan-out needs nobody to put it together with others.
        let files = serde_json::to_string(&inputs).unwrap_or_else(|_| "[]".to_owned());
        if is_native(&task.atom) || is_join(&task.atom, &task.place) && inputs.len() < 2 {
            self.natives.push_back((position, ordinal));
            self.change(position, ordinal).inputs = Some(files);
        } else {
            self.changes.ready.push(Ready {
                tenant: run.tenant,
                run: run.id,
                task: task.id,
                ordinal: signed(ordinal),
                priority: task.priority,
                held: run.paused || !run.admitted,
                label: task.label.clone(),
                timeout_ms: task.timeout_ms,
                inputs: files,
            });
        }
    }

    fn requeue(&mut self, position: usize, ordinal: usize, failures: u32, outcome: Option<Outcome<'_>>) {
        let task = &self.runs[position].tasks[ordinal];
        let pause = if failures == 0 { Duration::ZERO } else { task.backoff.after(failures, jitter()) };
        let change = self.change(position, ordinal);
        change.pause = Some(pause);
        note_failure(change, outcome);
    }

    fn end(
        &mut self,
        position: usize,
        ordinal: usize,
        task_status: TaskStatus,
        was_running: bool,
        outcome: Option<Outcome<'_>>,
    ) {
        let run = &self.runs[position];
        if task_status == TaskStatus::Cancelled && was_running && !is_native(&run.tasks[ordinal].atom) {
            self.changes.stopped.push(TaskKey {
                tenant_id: run.tenant,
                run_id: run.id,
                task_id: run.tasks[ordinal].id,
                ordinal: signed(ordinal),
                attempt: signed(run.state.tasks[ordinal].attempt as usize),
            });
        }
        match (task_status, outcome) {
            (TaskStatus::Completed, Some(Outcome::Completed(result))) => self.record(position, ordinal, result),
            (TaskStatus::Failed, outcome) => self.fail(position, ordinal, outcome),
            _ => {}
        }
        self.change(position, ordinal).ended = true;
    }

    fn record(&mut self, position: usize, ordinal: usize, result: &TaskResult) {
        let run = &mut self.runs[position];
        let task = &mut run.tasks[ordinal];
        task.handed_on = if task.passthrough {
            task.inputs.first().cloned().into_iter().collect()
        } else {
            result.handed_on.clone()
        };
        task.parts.clone_from(&result.parts);
        let (handed_on, opened) = (write_files(&task.handed_on), array(&run.state.tasks[ordinal].opened));
        let rows_in = i64::try_from(result.rows_in).unwrap_or(i64::MAX);
        run.rows_processed = run.rows_processed.saturating_add(rows_in);
        if rows_in > 0 {
            self.changes.touched.insert(position);
        }
        let change = self.change(position, ordinal);
        change.handed_on = handed_on;
        change.opened = opened;
        change.parts = (!result.parts.is_empty()).then(|| serde_json::to_string(&result.parts).ok()).flatten();
        change.outputs = serde_json::to_string(&result.outputs).ok();
        change.rows_in = Some(rows_in);
        change.rows_out = Some(i64::try_from(result.rows_out).unwrap_or(i64::MAX));
        change.result.clone_from(&result.result);
        change.cached = result.cached;
        change.error_code = None;
        change.error_message = None;
    }

    fn fail(&mut self, position: usize, ordinal: usize, outcome: Option<Outcome<'_>>) {
        let fault = self.faults.remove(&(position, ordinal));
        let change = self.change(position, ordinal);
        change.dead = true;
        match fault {
            Some(message) => {
                change.error_code = Some("CONDITION_FAILED".to_owned());
                change.error_message = Some(plain(message));
            }
            None => note_failure(change, outcome),
        }
        let (code, message) = (change.error_code.clone(), change.error_message.clone());
        self.changes.touched.insert(position);
        let run = &self.runs[position];
        self.changes.errors.entry(position).or_insert_with(|| RunError {
            task: run.tasks[ordinal].place.clone(),
            task_id: Some(run.tasks[ordinal].id),
            attempt: signed(run.state.tasks[ordinal].attempt as usize),
            code: code.unwrap_or_default(),
            message: message.unwrap_or_default(),
        });
    }

    /// The change of a task, with its status as it is now.
    pub(super) fn change(&mut self, position: usize, ordinal: usize) -> &mut TaskChange {
        let run = &self.runs[position];
        let state = &run.state.tasks[ordinal];
        let change = self
            .changes
            .tasks
            .entry((run.id, ordinal))
            .or_insert_with(|| TaskChange::new(run.tenant, run.id, signed(ordinal)));
        change.status = status::task_text(state.status);
        change.losses = signed(state.losses as usize);
        change
    }
}

/// How a task's attempt went, for what is written of it.
#[derive(Clone, Copy)]
pub enum Outcome<'a> {
    /// With a result.
    Completed(&'a TaskResult),
    /// Without.
    Failed(&'a Ending),
}

fn note_failure(change: &mut TaskChange, outcome: Option<Outcome<'_>>) {
    let (code, message) = match outcome {
        Some(Outcome::Failed(Ending::Failed { code, message, .. })) => (code.clone(), message.clone()),
        Some(Outcome::Failed(Ending::Lost)) => {
            ("WORKER_LOST".to_owned(), "the worker fell silent while the task ran".to_owned())
        }
        _ => return,
    };
    change.error_code = Some(code);
    change.error_message = Some(message);
}

/// A text that Postgres takes: what quotes data may hold zero bytes.
pub(super) fn plain(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// Ordinals as Postgres writes an array; none for an empty one.
fn array(ordinals: &[usize]) -> Option<String> {
    let texts: Vec<String> = ordinals.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| format!("{{{}}}", texts.join(",")))
}

pub(super) fn signed(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number between 0 and 1 that differs from call to call: the random end of a fresh UUID.
pub(super) fn jitter() -> f64 {
    let bytes = Uuid::new_v4().into_bytes();
    f64::from(u16::from_be_bytes([bytes[14], bytes[15]])) / f64::from(u16::MAX)
}
