//! The gateway as a process: settings, logs, serve.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use trinity_gateway::Config;
use trinity_rpc::{CancellationToken, Peers, Runtime, stop_on_signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "trinity-gateway", version, about = "HTTP and JSON in front of Trinity's services")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Clone, Copy)]
enum Command {
    /// Serves until SIGTERM (the default).
    Serve,
    /// Checks the settings and ends.
    Config,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
        .and_then(|tokio| tokio.block_on(run(command)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trinity-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    let config: Config = trinity_config::load("gateway")?;
    let shared = trinity_config::load_shared()?;
    let peers = Peers::remote("gateway", &shared)?;
    let shutdown = CancellationToken::new();
    let runtime = Runtime::new(&shared, peers, shutdown.clone())?;
    if let Command::Config = command {
        println!("the settings of gateway are sound");
        return Ok(());
    }
    trinity_telemetry::init_logs(&shared.log, &shared.log_format)?;
    let metrics = trinity_telemetry::init_metrics()?;
    stop_on_signal(shutdown)?;
    runtime.start();
    trinity_gateway::run(config, runtime, Vec::new(), Some(metrics)).await?;
    tracing::info!(service = "gateway", "stopped");
    Ok(())
}
