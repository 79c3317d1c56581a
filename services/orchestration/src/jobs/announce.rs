//! Tells Redis what was committed: hints for other replicas, and changes for whoever watches live.
//!
//! Nothing here is a fact of its own: what gets lost, sweeps and heartbeats make up for.

use std::collections::HashMap;

use tokio::sync::mpsc;
use trinity_bus::{Bus, Entry};
use trinity_rpc::CancellationToken;

use crate::jobs::input::{EngineDoor, Input};
use crate::jobs::notices::Notice;
use crate::jobs::settle::Settled;
use crate::store::claim::Leased;
use crate::store::queue::TaskKey;

/// Hints between replicas.
const HINTS: &str = "orchestration:hints";
/// Changes of runs and tasks.
const RUNS: &str = "runs";
const QUEUE: usize = 4096;
const BATCH: usize = 500;

/// The way to the publisher. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Announcer {
    queue: mpsc::Sender<Note>,
}

#[derive(Debug)]
enum Note {
    Ready,
    Stop(TaskKey),
    Change(Entry),
}

impl Announcer {
    /// Starts the publisher, and the listener that wakes the engine by other replicas' hints.
    #[must_use]
    pub fn start(bus: &Bus, engine: EngineDoor, shutdown: &CancellationToken) -> Self {
        let (queue, notes) = mpsc::channel(QUEUE);
        let replica = uuid::Uuid::now_v7().to_string();
        let stop = shutdown.clone();
        let publisher = publish(bus.clone(), notes, replica.clone());
        trinity_telemetry::spawn("run-announcer", async move {
            stop.run_until_cancelled(publisher).await;
        });
        let (stop, hints) = (shutdown.clone(), bus.subscribe(HINTS));
        trinity_telemetry::spawn("run-hints", async move {
            stop.run_until_cancelled(listen(hints, engine, replica)).await;
        });
        Self { queue }
    }

    /// Tells what a transaction of the engine changed.
    pub fn announce(&self, settled: &Settled, leased: &[Leased]) {
        if settled.ready {
            self.ready();
        }
        for task in leased {
            self.note(change(&[
                ("kind", "task"),
                ("tenant_id", &task.key.tenant_id.to_string()),
                ("run_id", &task.key.run_id.to_string()),
                ("task_id", &task.key.task_id.to_string()),
                ("status", "running"),
            ]));
        }
        for (tenant, run, task, status) in &settled.tasks {
            self.note(change(&[
                ("kind", "task"),
                ("tenant_id", &tenant.to_string()),
                ("run_id", &run.to_string()),
                ("task_id", &task.to_string()),
                ("status", status),
            ]));
        }
        for (tenant, run, status) in &settled.runs {
            self.note(change(&[
                ("kind", "run"),
                ("tenant_id", &tenant.to_string()),
                ("run_id", &run.to_string()),
                ("status", status),
            ]));
        }
        self.announce_notices(&settled.notices);
    }

    fn announce_notices(&self, notices: &[Notice]) {
        for notice in notices {
            self.note(change(&[
                ("kind", "notification"),
                ("tenant_id", &notice.tenant.to_string()),
                ("user_id", &notice.user.to_string()),
                ("notification_id", &notice.id.to_string()),
                ("run_id", &notice.run.to_string()),
            ]));
        }
    }

    /// Tells other replicas that tasks are ready.
    pub fn ready(&self) {
        self.note(Note::Ready);
    }

    /// Tells other replicas that attempts were given up.
    pub fn stop(&self, keys: &[TaskKey]) {
        for key in keys {
            self.note(Note::Stop(*key));
        }
    }

    fn note(&self, note: Note) {
        if self.queue.try_send(note).is_err() {
            metrics::counter!("trinity_run_announcements_dropped_total").increment(1);
        }
    }
}

fn change(fields: &[(&str, &str)]) -> Note {
    Note::Change(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

async fn publish(bus: Bus, mut notes: mpsc::Receiver<Note>, replica: String) {
    let mut batch = Vec::new();
    while notes.recv_many(&mut batch, BATCH).await > 0 {
        let mut hints: Vec<Entry> = Vec::new();
        let mut changes = Vec::new();
        let mut ready = false;
        for note in batch.drain(..) {
            match note {
                Note::Ready => ready = true,
                Note::Stop(key) => hints.push(stop_entry(&replica, &key)),
                Note::Change(entry) => changes.push(entry),
            }
        }
        if ready {
            hints.push(vec![("from".to_owned(), replica.clone()), ("kind".to_owned(), "ready".to_owned())]);
        }
        // Why: while Redis is away, announcements are dropped; nobody may wait for them.
        if bus.publish(HINTS, &hints).await.and(bus.publish(RUNS, &changes).await).is_err() {
            metrics::counter!("trinity_run_announcements_dropped_total").increment(1);
        }
    }
}

fn stop_entry(replica: &str, key: &TaskKey) -> Entry {
    [
        ("from", replica.to_owned()),
        ("kind", "stop".to_owned()),
        ("tenant_id", key.tenant_id.to_string()),
        ("run_id", key.run_id.to_string()),
        ("task_id", key.task_id.to_string()),
        ("ordinal", key.ordinal.to_string()),
        ("attempt", key.attempt.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

async fn listen(mut hints: tokio::sync::broadcast::Receiver<Entry>, engine: EngineDoor, replica: String) {
    loop {
        match hints.recv().await {
            Ok(entry) => {
                let fields: HashMap<String, String> = entry.into_iter().collect();
                if fields.get("from") == Some(&replica) {
                    continue;
                }
                match parse_stop(&fields) {
                    Some(key) => engine.send(Input::Stop(vec![key])).await,
                    None => engine.wake(),
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => engine.wake(),
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn parse_stop(fields: &HashMap<String, String>) -> Option<TaskKey> {
    let field = |name: &str| fields.get(name);
    (field("kind")? == "stop").then_some(())?;
    Some(TaskKey {
        tenant_id: field("tenant_id")?.parse().ok()?,
        run_id: field("run_id")?.parse().ok()?,
        task_id: field("task_id")?.parse().ok()?,
        ordinal: field("ordinal")?.parse().ok()?,
        attempt: field("attempt")?.parse().ok()?,
    })
}
