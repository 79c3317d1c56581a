//! `trinity-devstack exec`: one command beside a throw-away Postgres and Redis.

use std::process::ExitCode;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use trinity_devstack::Throwaway;

/// Runs the command and passes its exit code on.
#[tokio::main(flavor = "current_thread")]
pub async fn run(command: &[String]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().context("no command")?;
    // Why before the servers: a Ctrl-C during their start must end the command, not leave it half begun.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut ends = signal(SignalKind::terminate())?;
    let postgres = Throwaway::postgres().context("no private Postgres")?;
    let redis = Throwaway::redis().context("no private Redis")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("TRINITY_TEST_POSTGRES", postgres.url())
        .env("TRINITY_TEST_REDIS", redis.url())
        .spawn()
        .with_context(|| format!("cannot run {program}"))?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(exit_code(status?)),
            // The terminal sends Ctrl-C to the command as well; we outlive it to clean up.
            _ = interrupts.recv() => {}
            _ = ends.recv() => pass_on(&child, Signal::SIGTERM),
        }
    }
}

fn pass_on(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // The command may have ended meanwhile; then there is nobody left to tell.
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The command's own code, or 128 and its signal as shells count.
fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|number| 128 + number)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
