//! Small facts about processes, ports and secrets that both servers need.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use uuid::Uuid;

/// How often a state is looked at while it is waited for.
const POLL: Duration = Duration::from_millis(10);

/// The process that a pid file names, if it is alive and works in `folder`.
///
/// Why: after a crash of the machine the number may belong to somebody else, so a live pid proves nothing.
pub fn owner(pid_file: &Path, folder: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(pid_file).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    let works_in = std::fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    (works_in == folder).then(|| Pid::from_raw(pid))
}

/// Signals the process of a pid file and waits until it is gone.
pub fn stop(pid_file: &Path, folder: &Path, signal: Signal) -> Result<()> {
    let Some(pid) = owner(pid_file, folder) else { return Ok(()) };
    kill(pid, signal).with_context(|| format!("cannot stop process {pid}"))?;
    wait_until(Duration::from_secs(60), "the server to stop", || owner(pid_file, folder).is_none())
}

/// Waits until `state` holds.
pub fn wait_until(limit: Duration, what: &str, state: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !state() {
        if start.elapsed() > limit {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// A port of 127.0.0.1 that nobody uses now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// A password of 244 random bits.
pub fn random_password() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
