//! The engine: one loop a replica, which gathers what has come in and handles it in one transaction.
//!
//! A cycle renews leases, keeps logs, records results, readies what follows and leases ready tasks; only after the
//! commit are workers told. When idle, an input is handled at once; when busy, batches grow by themselves.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use trinity_db::Db;
use trinity_error::{Code, DATA_REFUSED, Result};
use trinity_ids::{TaskId, WorkerId};
use trinity_proto::orchestration as pb;
use trinity_rpc::CancellationToken;

use crate::jobs::announce::Announcer;
use crate::jobs::claim;
use crate::jobs::input::{Connected, Ending, Input};
use crate::jobs::settle::{self, Ended};
use crate::store;
use crate::store::log::NewLine;
use crate::store::queue::TaskKey;

/// How many inputs one transaction handles at the most.
const BATCH: usize = 512;
/// How often expired leases and delayed tasks are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
/// How long the engine waits after a failed transaction.
const RETRY_AFTER: Duration = Duration::from_millis(200);
const EXPIRED_AT_ONCE: i64 = 500;
/// The code of a task whose result Postgres does not take.
const RESULT_REFUSED: &str = "RESULT_REFUSED";

/// The engine of one replica.
pub struct Engine {
    pub db: Db,
    pub inputs: mpsc::Receiver<Input>,
    pub announcer: Announcer,
    pub lease: Duration,
    pub workers: HashMap<WorkerId, Connected>,
}

/// What one transaction handles.
#[derive(Debug, Default)]
struct Batch {
    heartbeats: Vec<(WorkerId, TaskKey)>,
    seen: HashSet<WorkerId>,
    logs: Vec<NewLine>,
    ended: Vec<Ended>,
    sweep: bool,
}

impl Batch {
    fn len(&self) -> usize {
        self.heartbeats.len() + self.logs.len() + self.ended.len()
    }

    /// Two parts of a batch of more than one input, each smaller than the whole.
    fn halves(mut self) -> (Self, Self) {
        let mut second = Self::default();
        match [self.heartbeats.len(), self.logs.len(), self.ended.len()] {
            [0, 0, ended] => second.ended = self.ended.split_off(ended / 2),
            [0, logs, 0] => second.logs = self.logs.split_off(logs / 2),
            [beats, 0, 0] => second.heartbeats = self.heartbeats.split_off(beats / 2),
            [0, _, _] => second.ended = std::mem::take(&mut self.ended),
            _ => {
                second.logs = std::mem::take(&mut self.logs);
                second.ended = std::mem::take(&mut self.ended);
            }
        }
        (self, second)
    }

    /// What is tried instead of the one input that Postgres refused: a result becomes a failure that says so, a line of
    /// a log is dropped.
    fn in_place_of_refused(self) -> Option<Self> {
        let refused = self.ended.into_iter().next()?;
        if matches!(&refused.ending, Ending::Failed { code, .. } if code == RESULT_REFUSED) {
            return None;
        }
        let message = "the database refused the task's result".to_owned();
        let ending = Ending::Failed { code: RESULT_REFUSED.to_owned(), message, retryable: false };
        Some(Self { ended: vec![Ended { ending, ..refused }], ..Self::default() })
    }
}

/// What must be told once the transaction is committed.
#[derive(Default)]
struct Outcome {
    renewed: HashSet<(TaskId, i32)>,
    settled: settle::Settled,
    leased: Vec<store::claim::Leased>,
}

impl Engine {
    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut inputs = Vec::with_capacity(BATCH);
        loop {
            let mut batch = Batch::default();
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = sweep.tick() => batch.sweep = true,
                count = self.inputs.recv_many(&mut inputs, BATCH) => if count == 0 { return },
            }
            for input in inputs.drain(..) {
                self.take(input, &mut batch);
            }
            if shutdown.run_until_cancelled(self.handle(batch)).await.is_none() {
                return;
            }
        }
    }

    /// Handles a batch, whatever it takes: it is tried until Postgres takes it (repeats are harmless). What Postgres
    /// refuses for good, or takes too long over, is found by halving, so that it stops nobody else.
    async fn handle(&self, batch: Batch) {
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            let Err(error) = self.cycle(&batch).await else { continue };
            let refused = error.reason() == DATA_REFUSED;
            if (refused || error.code() == Code::DeadlineExceeded) && batch.len() > 1 {
                let (first, second) = batch.halves();
                waiting.extend([second, first]);
            } else if refused {
                metrics::counter!("trinity_engine_inputs_refused_total").increment(1);
                tracing::error!(?error, "an input of the engine is refused");
                waiting.extend(batch.in_place_of_refused());
            } else {
                tracing::warn!(%error, "the engine waits");
                waiting.push(batch);
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }

    /// Sorts an input into the batch.
    fn take(&mut self, input: Input, batch: &mut Batch) {
        match input {
            Input::Joined(connected) => {
                tracing::info!(worker = %connected.worker, name = connected.name, slots = connected.slots, "worker connected");
                batch.seen.insert(connected.worker);
                self.workers.insert(connected.worker, connected);
            }
            Input::Left { worker, connection } => {
                if self.workers.get(&worker).is_some_and(|known| known.connection == connection) {
                    tracing::info!(%worker, "worker disconnected; its leases stand until they end");
                    self.workers.remove(&worker);
                }
            }
            Input::Heartbeat { worker, running } => {
                if let Some(known) = self.workers.get_mut(&worker) {
                    known.seen_at = Instant::now();
                }
                batch.seen.insert(worker);
                batch.heartbeats.extend(running.into_iter().map(|key| (worker, key)));
            }
            Input::Logs(lines) => batch.logs.extend(lines),
            Input::Ended { worker, key, ending } => batch.ended.push(Ended { worker: Some(worker), key, ending }),
            Input::Resized { worker, slots } => {
                if let Some(known) = self.workers.get_mut(&worker) {
                    known.slots = slots;
                }
            }
            Input::Stop(keys) => self.stop_everywhere(&keys),
            Input::Wake => {}
        }
    }

    /// Handles a batch in one transaction and tells workers about it.
    async fn cycle(&self, batch: &Batch) -> Result<()> {
        let started = Instant::now();
        let mut outcome = Outcome { renewed: self.renew(batch).await?, ..Outcome::default() };
        let mut tx = self.db.begin_system("engine").await?;
        store::log::insert(&mut tx, &batch.logs).await?;
        let mut ended = batch.ended.clone();
        if batch.sweep {
            let expired = store::queue::list_expired(&mut tx, EXPIRED_AT_ONCE).await?;
            ended.extend(expired.into_iter().map(|key| Ended { worker: None, key, ending: Ending::Lost }));
        }
        outcome.settled = settle::settle(&mut tx, &ended).await?;
        outcome.leased = claim::claim(&mut tx, &self.workers, self.lease).await?;
        tx.commit().await?;
        metrics::histogram!("trinity_engine_cycle_seconds").record(started.elapsed());
        self.tell(batch, &outcome);
        Ok(())
    }

    /// Lengthens leases and notes who lives.
    ///
    /// Why a transaction of its own: results lock runs before the queue, and leases must not be held meanwhile.
    async fn renew(&self, batch: &Batch) -> Result<HashSet<(TaskId, i32)>> {
        if batch.heartbeats.is_empty() && batch.seen.is_empty() {
            return Ok(HashSet::new());
        }
        let mut tx = self.db.begin_system("engine-leases").await?;
        let renewed = store::queue::renew(&mut tx, &batch.heartbeats, self.lease).await?.into_iter().collect();
        let seen: Vec<_> = batch
            .seen
            .iter()
            .filter_map(|worker| self.workers.get(worker))
            .map(|known| (known.worker, known.name.clone(), i32::try_from(known.slots).unwrap_or(i32::MAX)))
            .collect();
        if !seen.is_empty() {
            store::worker::seen(&mut tx, &seen).await?;
        }
        tx.commit().await?;
        Ok(renewed)
    }

    /// Everything here is committed: workers and listeners may know it.
    fn tell(&self, batch: &Batch, outcome: &Outcome) {
        let mut recorded: HashMap<WorkerId, Vec<pb::TaskRef>> = HashMap::new();
        for ended in &batch.ended {
            if let Some(worker) = ended.worker {
                recorded.entry(worker).or_default().push(task_ref(&ended.key));
            }
        }
        for (worker, tasks) in recorded {
            self.send(worker, pb::connect_response::Kind::Recorded(pb::Recorded { tasks }));
        }
        let ended: HashSet<(TaskId, i32)> =
            batch.ended.iter().map(|ended| (ended.key.task_id, ended.key.attempt)).collect();
        for (worker, key) in &batch.heartbeats {
            let attempt = (key.task_id, key.attempt);
            if !outcome.renewed.contains(&attempt) && !ended.contains(&attempt) {
                self.send(*worker, pb::connect_response::Kind::Cancel(pb::CancelTask { task: Some(task_ref(key)) }));
            }
        }
        // Why one by one: together they could exceed what a message may hold.
        for task in &outcome.leased {
            let assignment = pb::Assignment { tasks: vec![claim::assigned(task)] };
            self.send(task.worker_id, pb::connect_response::Kind::Assignment(assignment));
        }
        self.announcer.announce(&outcome.settled, &outcome.leased);
    }

    fn send(&self, worker: WorkerId, kind: pb::connect_response::Kind) {
        if let Some(known) = self.workers.get(&worker) {
            // Why: a broken connection loses the message; the worker repeats its results, and leases run out.
            let _ = known.sender.send(Ok(pb::ConnectResponse { kind: Some(kind) }));
        }
    }

    /// Asks every worker here to stop attempts; the one that has them does.
    fn stop_everywhere(&self, keys: &[TaskKey]) {
        for worker in self.workers.keys() {
            for key in keys {
                self.send(*worker, pb::connect_response::Kind::Cancel(pb::CancelTask { task: Some(task_ref(key)) }));
            }
        }
    }
}

/// A task's key as workers know it.
#[must_use]
pub fn task_ref(key: &TaskKey) -> pb::TaskRef {
    pb::TaskRef {
        task_id: key.task_id.to_string(),
        attempt: key.attempt.unsigned_abs(),
        tenant_id: key.tenant_id.to_string(),
        run_id: key.run_id.to_string(),
        ordinal: key.ordinal.unsigned_abs(),
    }
}
