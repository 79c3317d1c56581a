//! What is under way, and what is finished but not recorded yet.
//!
//! Invariant: a task that was taken stays here until orchestration says that its result is recorded, so that a lost
//! connection loses nothing. Both count as running when leases are kept.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trinity_atoms::{Fault, fault::code};
use trinity_proto::orchestration::{self as pb, connect_request::Kind};

use crate::{
    attempt::{self, Bench},
    convert::{self, TaskKey},
    logs::Logs,
    metrics,
};

/// The worker's tasks.
pub(crate) struct Desk {
    bench: Arc<Bench>,
    running: HashMap<TaskKey, CancellationToken>,
    /// Results by task, and when they were last given back, until they are recorded.
    finished: HashMap<TaskKey, (Instant, Kind)>,
    tasks: JoinSet<(TaskKey, Kind)>,
    pub logs: Logs,
}

impl Desk {
    pub fn new(bench: Bench) -> Self {
        Self {
            bench: Arc::new(bench),
            running: HashMap::new(),
            finished: HashMap::new(),
            tasks: JoinSet::new(),
            logs: Logs::new(),
        }
    }

    /// Starts a task; a repeated assignment of a known attempt gives its result again, if there is one.
    pub fn start(&mut self, assigned: pb::AssignedTask) -> Option<Kind> {
        let key = TaskKey::from(assigned.task.as_ref()?);
        if self.running.contains_key(&key) {
            return None;
        }
        if let Some((_, result)) = self.finished.get(&key) {
            return Some(result.clone());
        }
        // Why: orchestration gave an earlier attempt up; its result would be thrown away.
        for (other, cancel) in &self.running {
            if other.task_id() == key.task_id() && other.attempt() < key.attempt() {
                cancel.cancel();
            }
        }
        let cancel = CancellationToken::new();
        self.running.insert(key.clone(), cancel.clone());
        let (bench, log) = (self.bench.clone(), self.logs.sink(&key));
        self.tasks.spawn(async move {
            let work = AssertUnwindSafe(attempt::run(&bench, &assigned, &cancel, &log)).catch_unwind();
            let result =
                work.await.unwrap_or_else(|_| Err(Fault::passing(code::INTERNAL, "the worker failed unexpectedly")));
            let ending = convert::ending(&key, result);
            (key, ending)
        });
        metrics::running(self.running.len());
        None
    }

    /// Asks a task to stop; its end comes as any other.
    pub fn cancel(&self, key: &TaskKey) {
        if let Some(cancel) = self.running.get(key) {
            cancel.cancel();
        }
    }

    /// Waits for the next task that ends; for ever when nothing runs.
    pub async fn next_ended(&mut self) -> Kind {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((key, ending))) => {
                    self.running.remove(&key);
                    self.finished.insert(key, (Instant::now(), ending.clone()));
                    metrics::running(self.running.len());
                    metrics::unrecorded(self.finished.len());
                    return ending;
                }
                // Panics are caught inside, and nothing here is aborted.
                Some(Err(error)) => tracing::error!(%error, "a task's work was lost"),
                None => std::future::pending().await,
            }
        }
    }

    /// Forgets results that are recorded.
    pub fn recorded(&mut self, tasks: &[pb::TaskRef]) {
        for task in tasks {
            self.finished.remove(&TaskKey::from(task));
        }
        metrics::unrecorded(self.finished.len());
    }

    /// Results that were given back this long ago and are not recorded yet, to be sent again.
    pub fn overdue(&mut self, age: Duration) -> Vec<Kind> {
        let now = Instant::now();
        let overdue = self.finished.values_mut().filter(|(given, _)| now.duration_since(*given) >= age);
        overdue
            .map(|(given, ending)| {
                *given = now;
                ending.clone()
            })
            .collect()
    }

    /// Every task whose lease is to be kept.
    pub fn held(&self) -> Vec<pb::TaskRef> {
        self.running.keys().chain(self.finished.keys()).map(Into::into).collect()
    }

    /// Whether there is nothing under way and nothing to give back.
    pub fn is_clear(&self) -> bool {
        self.running.is_empty() && self.finished.is_empty()
    }

    /// Lets go of what has not been needed for long.
    pub fn tidy(&self) {
        self.bench.pool.stop_idle();
    }
}
