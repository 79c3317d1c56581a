//! One attempt of one task: within its time, in this process or in a child, or taken from the cache.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use trinity_atoms::{Fault, LogLine, LogSink, Outcome, Pool, Task, fault::code};
use trinity_proto::orchestration as pb;
use trinity_rpc::Peers;
use trinity_storage::Storage;

use crate::{
    Config, cache, convert, metrics,
    secrets::{Vault, Veil},
};

/// What attempts need.
pub(crate) struct Bench {
    pub pool: Pool,
    storage: Storage,
    vault: Vault,
    /// One permit for each child process.
    processes: Arc<Semaphore>,
    cache: bool,
}

impl Bench {
    /// Opens the object store; child processes are started when they are needed.
    ///
    /// # Errors
    /// Names the setting.
    pub fn open(config: &Config, peers: &Peers) -> Result<Self> {
        let storage = Storage::open_with(&config.storage_url, &config.storage)
            .context("the setting TRINITY_WORKER_STORAGE_URL is wrong")?;
        Ok(Self {
            pool: Pool::new(config.pool()),
            storage,
            vault: Vault::new(peers)?,
            processes: Arc::new(Semaphore::new(config.processes)),
            cache: config.cache,
        })
    }
}

/// Runs an attempt to its end. The flag says whether the result came from the cache.
///
/// # Errors
/// What the atom says; `CANCELLED`; `TASK_TIMEOUT`.
pub(crate) async fn run(
    bench: &Bench,
    assigned: &pb::AssignedTask,
    cancel: &CancellationToken,
    log: &LogSink,
) -> Result<(Outcome, bool), Fault> {
    let result = match prepare(bench, assigned, cancel).await {
        Ok(task) => {
            let veil = Veil::over(&task.secrets);
            veil.end(work(bench, assigned, &task, cancel, &veil.log(log)).await)
        }
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &result {
        log(LogLine::now("error", fault.message.clone()));
    }
    let cached = matches!(&result, Ok((_, true)));
    metrics::attempt_ended(&assigned.atom, result.as_ref().err(), cached);
    result
}

/// The task with all that it needs.
async fn prepare(bench: &Bench, assigned: &pb::AssignedTask, cancel: &CancellationToken) -> Result<Task, Fault> {
    let mut task = convert::task(assigned)?;
    task.secrets = tokio::select! {
        opened = bench.vault.open(assigned) => opened?,
        () = cancel.cancelled() => return Err(Fault::cancelled()),
    };
    Ok(task)
}

async fn work(
    bench: &Bench,
    assigned: &pb::AssignedTask,
    task: &Task,
    cancel: &CancellationToken,
    log: &LogSink,
) -> Result<(Outcome, bool), Fault> {
    let limit = Duration::from_millis(assigned.timeout_ms);
    if !trinity_atoms::is_inline(task) {
        return with_data(bench, task, &assigned.cache_prefix, limit, cancel, log).await;
    }
    within(limit, cancel, |cancel| async move {
        tokio::select! {
            outcome = trinity_atoms::inline(task) => outcome.map(|outcome| (outcome, false)),
            () = cancel.cancelled() => Err(Fault::cancelled()),
        }
    })
    .await
}

/// Data work in a child process. The time counts from when there is one.
async fn with_data(
    bench: &Bench,
    task: &Task,
    cache_prefix: &str,
    limit: Duration,
    cancel: &CancellationToken,
    log: &LogSink,
) -> Result<(Outcome, bool), Fault> {
    let entry = if bench.cache { cache::entry(task, cache_prefix) } else { None };
    if let Some(entry) = &entry
        && let Some(outcome) = cache::find(&bench.storage, entry, task).await
    {
        log(LogLine::now("info", "the same work was done before: its result is used again"));
        return Ok((outcome, true));
    }
    let permit = tokio::select! {
        permit = bench.processes.acquire() => permit,
        () = cancel.cancelled() => return Err(Fault::cancelled()),
    };
    // The semaphore is never closed.
    let _permit = permit.map_err(|_| Fault::passing(code::INTERNAL, "the worker is stopping"))?;
    let outcome = within(limit, cancel, |cancel| async move { bench.pool.run(task, log, &cancel).await }).await?;
    if let Some(entry) = &entry {
        cache::keep(&bench.storage, entry, &outcome).await;
    }
    Ok((outcome, false))
}

/// Runs work that listens to a token, and cancels it when its time is over; no limit when that is zero.
async fn within<T, F>(
    limit: Duration,
    cancel: &CancellationToken,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let token = cancel.child_token();
    let work = work(token.clone());
    if limit.is_zero() {
        return work.await;
    }
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = tokio::time::sleep(limit) => {
            token.cancel();
            match work.await {
                Err(fault) if fault.code == code::CANCELLED && !cancel.is_cancelled() => {
                    Err(Fault::passing("TASK_TIMEOUT", format!("not done within {} ms", limit.as_millis())))
                }
                finished => finished,
            }
        }
    }
}
