//! The `trinity-devstack` command: the private pair of a data folder, or a pair for the time of one command.

mod exec;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use trinity_devstack::stack;

/// Private Postgres and Redis for development and tests.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Folder of the private servers' data.
    #[arg(long, default_value = ".data", global = true)]
    data: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts what does not run and prints the URLs.
    Start,
    /// Prints the URLs of what runs.
    Status,
    /// Stops the servers; their data stays.
    Stop,
    /// Stops the servers and deletes their data.
    Remove,
    /// Runs a command beside a throw-away pair, named by TRINITY_TEST_POSTGRES and TRINITY_TEST_REDIS.
    Exec {
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("trinity-devstack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let data = arguments.data;
    match arguments.command {
        Command::Start => {
            let stack = stack::start(&data)?;
            println!("DATABASE_URL={}\nREDIS_URL={}", stack.postgres_url, stack.redis_url);
        }
        Command::Status => return status(&data),
        Command::Stop => stack::stop(&data)?,
        Command::Remove => stack::remove(&data)?,
        Command::Exec { command } => return exec::run(&command),
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails when nothing runs, so that scripts can ask.
fn status(data: &std::path::Path) -> Result<ExitCode> {
    let running = stack::status(data)?;
    for (name, url) in &running {
        println!("{name} {url}");
    }
    if running.is_empty() {
        println!("nothing runs");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
