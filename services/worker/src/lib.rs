//! The worker: takes tasks from orchestration, runs their atoms, and gives the results back until they are recorded.
//!
//! In reading order: [`config`](Config) settings, `link` the stream to orchestration, `desk` what is under way and what
//! is not recorded yet, `attempt` one attempt of one task, `secrets` what it may know and nobody may read, `cache` results of equal work, `logs` what tasks say,
//! `convert` messages to and from the atoms' own form. Data work happens in child processes (`trinity-atoms`), so that
//! the stream and its heartbeats never wait for it.

mod attempt;
mod cache;
mod config;
mod convert;
mod desk;
mod link;
mod logs;
mod metrics;
mod secrets;

use std::process::ExitCode;

use anyhow::Result;
use futures::future::BoxFuture;
use trinity_rpc::{CancellationToken, Peers, Runtime};

pub use config::Config;

/// The word after which a program is a child process that runs atoms and nothing else: see [`atom_runner`].
pub const ATOM_RUNNER: &str = trinity_atoms::runner::SUBCOMMAND;

/// Runs the child process in which atoms work; to be called before anything else is started.
pub fn atom_runner() -> ExitCode {
    trinity_atoms::runner::main()
}

/// Works beside other services in one process, until that is to stop. Boxed for the reason of [`trinity_rpc::Building`].
///
/// # Errors
/// When a setting is wrong or the object store cannot be opened.
pub fn run(config: Config, runtime: Runtime) -> BoxFuture<'static, Result<()>> {
    let config = Config { storage: runtime.storage.clone(), ..config };
    Box::pin(serve(config, runtime.peers, runtime.shutdown))
}

/// Works until `shutdown`, then finishes what runs, for a while.
///
/// # Errors
/// When a setting is wrong or the object store cannot be opened.
pub async fn serve(config: Config, peers: Peers, shutdown: CancellationToken) -> Result<()> {
    config.check()?;
    let desk = desk::Desk::new(attempt::Bench::open(&config, &peers)?);
    link::keep(&config, &peers, desk, shutdown).await
}
