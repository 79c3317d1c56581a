//! The `trinity` command: arguments, exit codes, and nothing that the library could do.

mod commands;
mod output;
mod session;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trinity_cli::Error;

use crate::commands::{Outcome, access, api, audit, datasets, folders, login, mail, projects, run, workflows};
use crate::output::Output;
use crate::session::{NotSignedIn, Where};

/// Works with a Trinity server: projects, datasets, workflows, runs and the audit trail.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    server: Where,
    /// Prints what the server answered, as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Signs in and remembers it in ~/.config/trinity.
    Login(login::Login),
    /// Forgets the session.
    Logout,
    /// Lists and creates projects.
    #[command(subcommand)]
    Projects(projects::Projects),
    /// Lists, uploads, shows and downloads datasets.
    #[command(subcommand)]
    Datasets(datasets::Datasets),
    /// Lists, creates, renames, moves and deletes folders of a project.
    #[command(subcommand)]
    Folders(folders::Folders),
    /// Lists and moves workflows, and applies workflow files.
    #[command(subcommand)]
    Workflows(workflows::Workflows),
    /// Runs a workflow.
    Run(run::Run),
    /// Reads and verifies the audit trail.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Asks what is allowed and why, and shares objects.
    #[command(subcommand)]
    Access(access::Access),
    /// Shows the mails of an installation without a mail server.
    Mail(mail::Mail),
    Api(api::Api),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    let secret = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    arguments.server.password = secret("TRINITY_PASSWORD");
    arguments.server.code = secret("TRINITY_MFA_CODE");
    arguments.server.token = secret("TRINITY_TOKEN");
    match execute(arguments).await {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Failed) => ExitCode::from(6),
        Err(error) => {
            complain(&error);
            ExitCode::from(code(&error))
        }
    }
}

async fn execute(arguments: Arguments) -> anyhow::Result<Outcome> {
    let output = if arguments.json { Output::Json } else { Output::Text };
    let server = &arguments.server;
    match arguments.command {
        Command::Login(login) => login.execute(server).await,
        Command::Logout => login::logout(server, output).await,
        Command::Projects(command) => command.execute(&server.client().await?, output).await,
        Command::Datasets(command) => command.execute(&server.client().await?, output).await,
        Command::Folders(command) => command.execute(&server.client().await?, output).await,
        Command::Workflows(command) => command.execute(&server.client().await?, output).await,
        Command::Run(command) => command.execute(&server.client().await?, output).await,
        Command::Audit(command) => command.execute(&server.client().await?, output).await,
        Command::Access(command) => command.execute(&server.client().await?, output).await,
        Command::Mail(command) => command.execute(),
        Command::Api(command) => command.execute(&server.client_or_stranger().await?).await,
    }
}

fn complain(error: &anyhow::Error) {
    eprintln!("trinity: {error:#}");
    if let Some(Error::Refused(refusal)) = error.downcast_ref() {
        if refusal.details.as_object().is_some_and(|details| !details.is_empty()) {
            eprintln!("{:#}", refusal.details);
        }
        eprintln!("request id: {}", refusal.request_id);
    }
}

/// The exit code by what the caller can do about it; README lists them.
fn code(error: &anyhow::Error) -> u8 {
    if error.is::<NotSignedIn>() {
        return 3;
    }
    match error.downcast_ref() {
        Some(Error::Refused(refusal)) => match refusal.status.as_u16() {
            401 | 403 => 3,
            404 => 4,
            _ => 1,
        },
        Some(Error::NoSuch { .. }) => 4,
        Some(Error::Unreachable { .. }) => 5,
        _ => 1,
    }
}
