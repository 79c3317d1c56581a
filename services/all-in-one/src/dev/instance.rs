//! The process that serves in the background: is it there, start it, wait until it is ready, stop it.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder::Folder;

const LOG: &str = "trinity.log";
const PID: &str = "trinity.pid";
const POLL: Duration = Duration::from_millis(50);
/// How long a start may take before it counts as failed.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long a stop may take before it is forced; above the longest drain.
const STOP_LIMIT: Duration = Duration::from_secs(40);

/// A serving process of this folder.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    pid: Pid,
    /// Whether its program was built anew since it started.
    pub outdated: bool,
}

/// The folder's serving process, if it lives.
pub fn find(folder: &Folder) -> Option<Instance> {
    let pid: i32 = std::fs::read_to_string(folder.join(PID)).ok()?.trim().parse().ok()?;
    // Why: the number may have gone to another process; ours runs our program with this folder's settings.
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?.to_string_lossy().into_owned();
    let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
    let settings = format!("TRINITY_CONFIG={}", folder.join(super::settings::FILE).display());
    if !environment.split(|byte| *byte == 0).any(|entry| entry == settings.as_bytes()) {
        return None;
    }
    Some(Instance { pid: Pid::from_raw(pid), outdated: program.ends_with(" (deleted)") })
}

/// Starts the serving process in the background.
pub fn start(folder: &Folder, settings: &Path, grpc: &str) -> Result<Instance> {
    let log = folder.join(LOG);
    if log.exists() {
        std::fs::rename(&log, folder.join("trinity.log.1"))?;
    }
    let output = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let child = Command::new(own_program()?)
        .args(["serve", "--grpc", grpc])
        .env("TRINITY_CONFIG", settings)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        // Why: a group of its own, so that Ctrl-C at the terminal does not end it.
        .process_group(0)
        .spawn()
        .context("cannot start the serving process")?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    folder.write_private(PID, &pid.to_string())?;
    Ok(Instance { pid, outdated: false })
}

/// Waits until the gateway says that everything is ready.
pub async fn wait_ready(folder: &Folder, url: &str) -> Result<()> {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
    let start = Instant::now();
    loop {
        let answer = http.get(format!("{url}/readyz")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if find(folder).is_none() {
            bail!("the serving process ended at its start:\n{}", log_tail(folder));
        }
        if start.elapsed() > READY_LIMIT {
            bail!("not ready after {} s:\n{}", READY_LIMIT.as_secs(), log_tail(folder));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Stops the process and waits until it is gone; what is under way ends first.
pub async fn stop(folder: &Folder, instance: Instance) -> Result<()> {
    let start = Instant::now();
    kill(instance.pid, Signal::SIGTERM).context("cannot stop the serving process")?;
    while find(folder).is_some_and(|found| found.pid == instance.pid) {
        if start.elapsed() > STOP_LIMIT {
            kill(instance.pid, Signal::SIGKILL).context("cannot kill the serving process")?;
        }
        tokio::time::sleep(POLL).await;
    }
    let _ = std::fs::remove_file(folder.join(PID));
    Ok(())
}

fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find the own program")
}

fn log_tail(folder: &Folder) -> String {
    let text = std::fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
