//! The thin `main` of a service: arguments, settings, logs, and either serving or migrating.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde::de::DeserializeOwned;
use sqlx::migrate::Migrator;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Building, CancellationToken, Peers, Runtime, serve};

/// What every service's settings have.
pub trait Settings: DeserializeOwned + Send + 'static {
    /// Where gRPC is served.
    fn listen(&self) -> SocketAddr;
    /// The database URL in the owner's role, for migrations.
    fn owner_url(&self) -> Option<&str>;
}

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Clone, Copy)]
enum Command {
    /// Serves until SIGTERM (the default).
    Serve,
    /// Brings the schema to the newest version and ends.
    Migrate,
    /// Checks the settings and ends.
    Config,
}

/// Runs a service as a process.
pub fn launch<S: Settings>(
    name: &'static str,
    migrator: &'static Migrator,
    build: fn(S, Runtime) -> Building,
) -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
        .and_then(|tokio| tokio.block_on(run(name, migrator, build, command)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trinity-{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run<S: Settings>(
    name: &'static str,
    migrator: &'static Migrator,
    build: fn(S, Runtime) -> Building,
    command: Command,
) -> Result<()> {
    let settings: S = trinity_config::load(name)?;
    let (shared, storage) = (trinity_config::load_shared()?, trinity_config::load("storage")?);
    match command {
        Command::Config => println!("the settings of {name} are sound"),
        Command::Migrate => {
            trinity_telemetry::init_logs(&shared.log, &shared.log_format)?;
            let url = settings
                .owner_url()
                .with_context(|| format!("the setting TRINITY_{}_OWNER_URL is missing", name.to_uppercase()))?;
            trinity_db::migrate(url, migrator).await.with_context(|| format!("migrating {name}"))?;
            tracing::info!(service = name, "migrated");
        }
        Command::Serve => {
            trinity_telemetry::init_logs(&shared.log, &shared.log_format)?;
            let shutdown = CancellationToken::new();
            let mut peers = Peers::remote(name, &shared)?;
            peers.reserve(name);
            let runtime = Runtime { storage, ..Runtime::new(&shared, peers, shutdown.clone())? };
            let listen = settings.listen();
            let service = build(settings, runtime.clone()).await?;
            runtime.peers.install(name, service.routes.clone());
            runtime.start();
            stop_on_signal(shutdown.clone())?;
            serve(listen, vec![service], shutdown).await?;
            runtime.drain().await;
            tracing::info!(service = name, "stopped");
        }
    }
    Ok(())
}

/// Cancels `shutdown` at SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be had.
pub fn stop_on_signal(shutdown: CancellationToken) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    trinity_telemetry::spawn("signals", async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        shutdown.cancel();
    });
    Ok(())
}
