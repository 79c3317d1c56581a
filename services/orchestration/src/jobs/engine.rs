//! The engine: one loop a replica, which gathers what has come in and handles it in one transaction.
//!
//! A cycle renews leases, keeps logs, records results, readies what follows and leases ready tasks; only after the
//! commit are workers told. When idle, an input is handled at once; when busy, batches grow by themselves.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use trinity_db::Db;
use trinity_error::{Code, DATA_REFUSED, Result};
use trinity_ids::{TaskId, WorkerId};
use trinity_proto::orchestration as pb;
use trinity_rpc::CancellationToken;

use crate::jobs::announce::Announcer;
use crate::jobs::batch::Batch;
use crate::jobs::bells::Bells;
use crate::jobs::claim;
use crate::jobs::input::{Connected, Ending, Input};
use crate::jobs::memory::Memory;
use crate::jobs::plans::Plans;
use crate::jobs::settle::{self, Ended, Happened};
use crate::store;
use crate::store::queue::TaskKey;

/// How many inputs one transaction handles at the most.
const BATCH: usize = 512;
/// How often expired leases and delayed tasks are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
/// How long the engine waits after a failed transaction.
const RETRY_AFTER: Duration = Duration::from_millis(200);
const EXPIRED_AT_ONCE: i64 = 500;
/// How many runs above and below each other one transaction heeds.
const TREE_AT_ONCE: i64 = 200;
const OVERDUE_AT_ONCE: i64 = 100;

/// The engine of one replica.
pub struct Engine {
    pub db: Db,
    pub inputs: mpsc::Receiver<Input>,
    pub announcer: Announcer,
    pub bells: Bells,
    pub lease: Duration,
    pub workers: HashMap<WorkerId, Connected>,
    pub memory: Memory,
    pub plans: Plans,
    /// Whether parents are to hear of children in the next cycle.
    pub returns: bool,
    /// Whether children of parents that ended are to be cancelled in the next cycle.
    pub orphans: bool,
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
                () = std::future::ready(()), if self.returns || self.orphans => {}
                count = self.inputs.recv_many(&mut inputs, BATCH) => if count == 0 { return },
            }
            let is_idle = !inputs.is_empty() && inputs.iter().all(|input| matches!(input, Input::New(_)));
            for input in inputs.drain(..) {
                self.take(input, &mut batch);
            }
            // Why: a run that is only to be remembered is not committed yet.
            if is_idle {
                continue;
            }
            batch.returns = std::mem::take(&mut self.returns);
            batch.orphans = std::mem::take(&mut self.orphans);
            if shutdown.run_until_cancelled(self.handle(batch)).await.is_none() {
                return;
            }
        }
    }

    /// Handles a batch, whatever it takes: it is tried until Postgres takes it (repeats are harmless). What Postgres
    /// refuses for good, or takes too long over, is found by halving, so that it stops nobody else.
    async fn handle(&mut self, batch: Batch) {
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
            Input::New(run) => self.memory.remember(*run),
            Input::Stop(keys) => self.stop_everywhere(&keys),
            Input::Wake => {}
            Input::Tree { returns, orphans } => {
                self.returns |= returns;
                self.orphans |= orphans;
            }
        }
    }

    /// Handles a batch in one transaction and tells workers about it.
    async fn cycle(&mut self, batch: &Batch) -> Result<()> {
        let started = Instant::now();
        let mut outcome = Outcome { renewed: self.renew(batch).await?, ..Outcome::default() };
        let mut tx = self.db.begin_keyed("engine", self.plans.are_old(batch.ended.len())).await?;
        store::log::insert(&mut tx, &batch.logs).await?;
        let happened = happened(&mut tx, batch).await?;
        outcome.settled = settle::settle(&mut tx, &happened, &mut self.memory).await?;
        outcome.leased = claim::claim(&mut tx, &self.workers, self.lease).await?;
        tx.commit().await?;
        self.memory.keep();
        metrics::histogram!("trinity_engine_cycle_seconds").record(started.elapsed());
        self.tell(batch, &outcome);
        // Why also when a list was full: there may be more of it.
        let full = |length: usize, limit: i64| i64::try_from(length).is_ok_and(|length| length == limit);
        self.returns |= outcome.settled.returns || full(happened.returned.len(), TREE_AT_ONCE);
        self.orphans |= outcome.settled.orphans || full(happened.orphans.len(), TREE_AT_ONCE);
        Ok(())
    }

    /// Lengthens leases and notes who lives.
    ///
    /// Why a transaction of its own: results lock runs before the queue, and leases must not be held meanwhile.
    async fn renew(&self, batch: &Batch) -> Result<HashSet<(TaskId, i32)>> {
        if batch.heartbeats.is_empty() && batch.seen.is_empty() {
            return Ok(HashSet::new());
        }
        let mut tx = self.db.begin_repeatable("engine-leases").await?;
        let renewed = store::queue::renew(&mut tx, &batch.heartbeats, self.lease).await?.into_iter().collect();
        let seen: Vec<_> = batch
            .seen
            .iter()
            .filter_map(|worker| self.workers.get(worker))
            .map(|known| {
                (known.worker, known.name.clone(), i32::try_from(known.slots).unwrap_or(i32::MAX), known.labels.clone())
            })
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
        self.announcer.stop(&outcome.settled.stopped);
        self.stop_everywhere(&outcome.settled.stopped);
        self.bells.ring(&outcome.settled);
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

/// What one transaction is to settle: what has come in, and what is found.
async fn happened(tx: &mut PgConnection, batch: &Batch) -> Result<Happened> {
    let mut happened = Happened { ended: batch.ended.clone(), ..Happened::default() };
    if batch.sweep {
        let expired = store::queue::list_expired(tx, EXPIRED_AT_ONCE).await?;
        happened.ended.extend(expired.into_iter().map(|attempt| Ended {
            worker: None,
            key: attempt.key,
            ending: if attempt.too_long { too_long() } else { Ending::Lost },
        }));
        happened.overdue = store::run::list_overdue(tx, OVERDUE_AT_ONCE).await?;
    }
    if batch.sweep || batch.returns {
        happened.returned = store::tree::take_returns(tx, TREE_AT_ONCE).await?;
    }
    if batch.sweep || batch.orphans {
        happened.orphans = store::tree::list_orphans(tx, TREE_AT_ONCE).await?;
    }
    Ok(happened)
}

/// The end of an attempt whose worker lives and does not come to an end.
fn too_long() -> Ending {
    let message = "the attempt took longer than it may".to_owned();
    Ending::Failed { code: "TASK_TIMEOUT".to_owned(), message, retryable: true }
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
