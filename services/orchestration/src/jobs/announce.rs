//! Tells Redis what was committed: hints for other replicas, and changes for whoever watches live.
//!
//! Nothing here is a fact of its own: what gets lost, sweeps and heartbeats make up for.

use std::collections::HashMap;

use tokio::sync::mpsc;
use trinity_bus::{Bus, Entry};
use trinity_ids::RunId;
use trinity_rpc::CancellationToken;

use crate::jobs::ends::Ends;
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
    Ended(RunId),
    Change(Entry),
}

impl Announcer {
    /// Starts the publisher, and the listener that passes other replicas' hints on to the engine and to who waits.
    #[must_use]
    pub fn start(bus: &Bus, engine: EngineDoor, ends: Ends, shutdown: &CancellationToken) -> Self {
        let (queue, notes) = mpsc::channel(QUEUE);
        let replica = uuid::Uuid::now_v7().to_string();
        let stop = shutdown.clone();
        let publisher = publish(bus.clone(), notes, replica.clone());
        trinity_telemetry::spawn("run-announcer", async move {
            stop.run_until_cancelled(publisher).await;
        });
        let (stop, hints) = (shutdown.clone(), bus.subscribe(HINTS));
        trinity_telemetry::spawn("run-hints", async move {
            stop.run_until_cancelled(listen(hints, engine, ends, replica)).await;
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
            self.note(Note::Ended(*run));
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
    Note::Change(entry(fields))
}

fn hint(replica: &str, kind: &str, fields: &[(&str, &str)]) -> Entry {
    entry(&[&[("from", replica), ("kind", kind)], fields].concat())
}

fn entry(fields: &[(&str, &str)]) -> Entry {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
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
                Note::Ended(run) => hints.push(hint(&replica, "ended", &[("run_id", &run.to_string())])),
                Note::Change(entry) => changes.push(entry),
            }
        }
        if ready {
            hints.push(hint(&replica, "ready", &[]));
        }
        // Why: while Redis is away, announcements are dropped; nobody may wait for them.
        if bus.publish(HINTS, &hints).await.and(bus.publish(RUNS, &changes).await).is_err() {
            metrics::counter!("trinity_run_announcements_dropped_total").increment(1);
        }
    }
}

fn stop_entry(replica: &str, key: &TaskKey) -> Entry {
    let fields = [
        ("tenant_id", &key.tenant_id.to_string()),
        ("run_id", &key.run_id.to_string()),
        ("task_id", &key.task_id.to_string()),
        ("ordinal", &key.ordinal.to_string()),
        ("attempt", &key.attempt.to_string()),
    ];
    hint(replica, "stop", &fields.map(|(name, value)| (name, value.as_str())))
}

async fn listen(mut hints: tokio::sync::broadcast::Receiver<Entry>, engine: EngineDoor, ends: Ends, replica: String) {
    loop {
        match hints.recv().await {
            Ok(entry) => {
                let fields: HashMap<String, String> = entry.into_iter().collect();
                if fields.get("from") != Some(&replica) {
                    heed(&fields, &engine, &ends).await;
                }
            }
            Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => engine.wake(),
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn heed(hint: &HashMap<String, String>, engine: &EngineDoor, ends: &Ends) {
    match hint.get("kind").map(String::as_str) {
        Some("stop") => engine.send(Input::Stop(task_key(hint).into_iter().collect())).await,
        Some("ended") => ends.tell(hint.get("run_id").and_then(|run| run.parse().ok()).into_iter()),
        _ => engine.wake(),
    }
}

fn task_key(fields: &HashMap<String, String>) -> Option<TaskKey> {
    let field = |name: &str| fields.get(name);
    Some(TaskKey {
        tenant_id: field("tenant_id")?.parse().ok()?,
        run_id: field("run_id")?.parse().ok()?,
        task_id: field("task_id")?.parse().ok()?,
        ordinal: field("ordinal")?.parse().ok()?,
        attempt: field("attempt")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use trinity_ids::TenantId;
    use trinity_testkit::TestRedis;

    use super::*;

    #[tokio::test]
    async fn other_replicas_hear_that_a_run_ended() {
        let redis = TestRedis::new();
        let bus = Bus::new(&redis.url, &redis.prefix).unwrap();
        let shutdown = CancellationToken::new();
        let start = |ends: &Ends| Announcer::start(&bus, EngineDoor::new().0, ends.clone(), &shutdown);
        let (here, there) = (Ends::default(), Ends::default());
        let (announcer, _other) = (start(&here), start(&there));
        let (tenant, run) = (TenantId::new(), RunId::new());
        let mut end = there.wait_for(tenant, run).unwrap();
        let settled = Settled { runs: vec![(tenant, run, "succeeded")], ..Settled::default() };
        // Why again: the other replica may not have listened yet.
        let heard = async {
            while tokio::time::timeout(Duration::from_millis(50), &mut end).await.is_err() {
                announcer.announce(&settled, &[]);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), heard).await.expect("the other replica hears of it");
        shutdown.cancel();
    }
}
