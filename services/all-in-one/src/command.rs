//! The `trinity-all-in-one` command: arguments, runtime, exit code. In the library, so that it is compiled once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use trinity_rpc::{CancellationToken, stop_on_signal};

use crate::{Variables, dev, migrate, roles, serve};

/// All of Trinity in one process.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a private Postgres and Redis and everything else, and runs the worked example.
    Up {
        /// Folder of everything that is kept.
        #[arg(long, default_value = ".data")]
        data: PathBuf,
        /// Folder of the worked example.
        #[arg(long, default_value = "examples/seattle-weather")]
        example: PathBuf,
    },
    /// Stops what `up` started; the data stays.
    Down {
        #[arg(long, default_value = ".data")]
        data: PathBuf,
    },
    /// Stops what `up` started and deletes the database.
    Remove {
        #[arg(long, default_value = ".data")]
        data: PathBuf,
    },
    /// Serves in the foreground until SIGTERM, by the settings of the environment.
    Serve {
        /// Where gRPC is served.
        #[arg(long, default_value = "127.0.0.1:7070")]
        grpc: SocketAddr,
    },
    /// Brings every schema to the newest version and ends.
    Migrate,
    /// Makes database, schemas and roles in a Postgres, and prints the settings that follow.
    Provision {
        /// An administrator of the Postgres.
        #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
        admin_url: String,
        #[arg(long, default_value = "trinity")]
        database: String,
        /// From which the roles' passwords are derived; the same secret gives the same passwords.
        #[arg(long, env = "PROVISION_SECRET", hide_env_values = true)]
        secret: String,
    },
    /// The child in which the worker runs atoms.
    #[command(hide = true)]
    AtomRunner,
}

/// Does what the arguments of the process say.
pub fn main() -> ExitCode {
    let command = Arguments::parse().command;
    if let Command::AtomRunner = command {
        return trinity_worker::atom_runner();
    }
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trinity-all-in-one: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    tokio.block_on(async {
        match command {
            Command::Up { data, example } => dev::up(&data, &example).await,
            Command::Down { data } => dev::down(&data).await,
            Command::Remove { data } => dev::remove(&data).await,
            Command::Serve { grpc } => serve_by_environment(grpc).await,
            Command::Migrate => migrate::by_settings(&environment()).await,
            Command::Provision { admin_url, database, secret } => {
                print!("{}", roles::settings(&admin_url, &database, &secret).await?);
                Ok(())
            }
            Command::AtomRunner => unreachable!("main has run it"),
        }
    })
}

async fn serve_by_environment(grpc: SocketAddr) -> Result<()> {
    let variables = environment();
    let shared = trinity_config::load_shared_from(&variables)?;
    trinity_telemetry::init_logs(&shared.log, &shared.log_format)?;
    let metrics = trinity_telemetry::init_metrics()?;
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone())?;
    serve(&variables, grpc, shutdown, Some(metrics)).await?;
    tracing::info!("stopped");
    Ok(())
}

fn environment() -> Variables {
    std::env::vars().filter(|(name, _)| name.starts_with("TRINITY_")).collect()
}
