//! A server for one process: it and its files vanish when that process ends, however it ends.
//!
//! A keeper, a small shell process of its own, waits on a pipe whose other end we hold. The system closes that end when
//! we exit, panic or are killed; the keeper then stops the server and deletes its folder.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use uuid::Uuid;

use crate::account::Account;
use crate::binaries;
use crate::postgres::{Durability, Postgres};
use crate::redis::Redis;

/// Waits for the end of stdin, then signals ($2) the process of the pid file ($1), waits for it and deletes ($3).
const KEEPER: &str = r#"
trap '' HUP INT TERM
cat >/dev/null
pid=$(head -n 1 "$1" 2>/dev/null) && kill -"$2" "$pid"
tries=0
while [ -e "$1" ] && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
rm -rf "$3"
"#;

/// A private server that ends with this value, or with the process.
pub struct Throwaway {
    url: String,
    keeper: Child,
}

impl Throwaway {
    /// Starts a Postgres whose commits stay in memory. The URL is the superuser's.
    pub fn postgres() -> Result<Self> {
        // Why first: the packages bring an account to run servers as.
        binaries::postgres()?;
        let account = Account::for_servers()?;
        let folder = folder("pg", &account)?;
        let server = Postgres::new(&folder, &account);
        let keeper = keep(&server.pid_file(), "QUIT", &folder)?;
        Self::kept(keeper, server.start(Durability::Forgotten))
    }

    /// Starts a Redis.
    pub fn redis() -> Result<Self> {
        let account = Account::for_servers()?;
        let folder = folder("redis", &account)?;
        let server = Redis::new(&folder, &account);
        let keeper = keep(&server.pid_file(), "TERM", &folder)?;
        Self::kept(keeper, server.start())
    }

    /// Where the server answers.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn kept(mut keeper: Child, url: Result<String>) -> Result<Self> {
        match url {
            Ok(url) => Ok(Self { url, keeper }),
            Err(error) => {
                dismiss(&mut keeper);
                Err(error)
            }
        }
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        dismiss(&mut self.keeper);
    }
}

/// Closes the keeper's pipe and waits until it has cleaned up.
fn dismiss(keeper: &mut Child) {
    drop(keeper.stdin.take());
    let _ = keeper.wait();
}

fn keep(pid_file: &Path, signal: &str, folder: &Path) -> Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", KEEPER, "trinity-keeper"])
        .arg(pid_file)
        .arg(signal)
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Why: a group of its own, so that Ctrl-C and a test runner's group kill do not reach it.
        .process_group(0)
        .spawn()
        .context("cannot start /bin/sh")
}

fn folder(kind: &str, account: &Account) -> Result<PathBuf> {
    let name = format!("trinity-{kind}-{}", Uuid::new_v4().simple());
    for parent in [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()] {
        if account.reaches(&parent).unwrap_or(false) {
            let folder = parent.canonicalize()?.join(name);
            std::fs::create_dir(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
            account.take(&folder)?;
            return Ok(folder);
        }
    }
    anyhow::bail!("no temporary folder that the servers' account can enter")
}
