//! The `trinity-worker` command: arguments, settings, logs, exit code.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use trinity_rpc::{CancellationToken, Peers, stop_on_signal};
use trinity_worker::{Config, atom_runner, serve};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the atoms of Trinity's workflows.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Works until SIGTERM (the default).
    Serve,
    /// Checks the settings and ends.
    Config,
    /// The child process in which atoms work.
    #[command(hide = true)]
    AtomRunner,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    let done = match command {
        Command::AtomRunner => return atom_runner(),
        Command::Config => check(),
        Command::Serve => run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trinity-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn settings() -> Result<Config> {
    Ok(Config { storage: trinity_config::load("storage")?, ..trinity_config::load("worker")? })
}

fn check() -> Result<()> {
    let config = settings()?;
    trinity_config::load_shared()?;
    config.check()?;
    println!("the settings of worker are sound");
    Ok(())
}

fn run() -> Result<()> {
    let config = settings()?;
    let shared = trinity_config::load_shared()?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    tokio.block_on(async {
        trinity_telemetry::init_logs(&shared.log, &shared.log_format)?;
        let shutdown = CancellationToken::new();
        stop_on_signal(shutdown.clone())?;
        serve(config, Peers::remote("worker", &shared)?, shutdown).await?;
        tracing::info!(service = "worker", "stopped");
        Ok(())
    })
}
