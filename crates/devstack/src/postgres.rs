//! One private Postgres: its folder, its start, its stop.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::account::Account;
use crate::binaries::{self, PostgresPrograms};
use crate::process;

/// The superuser of a private cluster.
const SUPERUSER: &str = "trinity_admin";
/// How often another port is tried when somebody else takes the first.
const PORT_ATTEMPTS: usize = 3;

/// Whether a crash of the machine may lose data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Commits reach the disk.
    Kept,
    /// Commits reach memory: for tests, which are faster for it.
    Forgotten,
}

/// A Postgres whose files lie in one folder.
pub struct Postgres {
    folder: PathBuf,
    cluster: PathBuf,
    account: Account,
}

impl Postgres {
    /// The Postgres of a folder, which must exist and belong to the account.
    pub fn new(folder: &Path, account: &Account) -> Self {
        Self { folder: folder.to_owned(), cluster: folder.join("cluster"), account: account.clone() }
    }

    /// The file that names the running server's process in its first line.
    pub fn pid_file(&self) -> PathBuf {
        self.cluster.join("postmaster.pid")
    }

    /// Starts the server unless it runs, making the cluster first if there is none. Returns the superuser's URL.
    pub fn start(&self, durability: Durability) -> Result<String> {
        if let Some(url) = self.running()? {
            return Ok(url);
        }
        let programs = binaries::postgres()?;
        if !self.cluster.join("PG_VERSION").exists() {
            self.initialize(&programs)?;
        }
        // Why: a pid file that outlived its server, and whose number was given to another process, stops the start.
        let _ = std::fs::remove_file(self.pid_file());
        let mut outcome = Ok(());
        for _ in 0..PORT_ATTEMPTS {
            outcome = self.launch(&programs, durability);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
        self.running()?.context("Postgres stopped right after its start")
    }

    /// The superuser's URL, if the server runs.
    pub fn running(&self) -> Result<Option<String>> {
        if process::owner(&self.pid_file(), &self.cluster).is_none() {
            return Ok(None);
        }
        // Source: the fourth line of postmaster.pid is the port (miscadmin.h, LOCK_FILE_LINE_PORT).
        let text = std::fs::read_to_string(self.pid_file())?;
        let port = text.lines().nth(3).context("postmaster.pid names no port")?.to_owned();
        let password = std::fs::read_to_string(self.password_file())
            .with_context(|| format!("cannot read {}", self.password_file().display()))?;
        Ok(Some(format!("postgres://{SUPERUSER}:{}@127.0.0.1:{port}/postgres", password.trim())))
    }

    /// Stops the server, ending its sessions. Nothing happens when it does not run.
    pub fn stop(&self) -> Result<()> {
        process::stop(&self.pid_file(), &self.cluster, Signal::SIGINT)
    }

    fn password_file(&self) -> PathBuf {
        self.folder.join("password")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn initialize(&self, programs: &PostgresPrograms) -> Result<()> {
        let _ = std::fs::remove_dir_all(&self.cluster);
        std::fs::write(self.password_file(), process::random_password())?;
        self.account.take(&self.password_file())?;
        let output = self
            .account
            .command(&programs.initdb)
            .current_dir(&self.folder)
            .arg("--pgdata")
            .arg(&self.cluster)
            .arg("--pwfile")
            .arg(self.password_file())
            .args(["--username", SUPERUSER, "--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions"])
            .output()
            .with_context(|| format!("cannot run {}", programs.initdb.display()))?;
        succeeded("initdb", &output)
    }

    fn launch(&self, programs: &PostgresPrograms, durability: Durability) -> Result<()> {
        let output = self
            .account
            .command(&programs.pg_ctl)
            .current_dir(&self.folder)
            .args(["start", "--wait", "--silent", "--timeout", "120", "--pgdata"])
            .arg(&self.cluster)
            .arg("--log")
            .arg(self.log())
            .args(["--options", &options(process::free_port()?, durability)])
            .output()
            .with_context(|| format!("cannot run {}", programs.pg_ctl.display()))?;
        succeeded("pg_ctl start", &output).with_context(|| process::tail(&self.log()))
    }
}

/// The settings of a private server, as the command line that Postgres takes.
fn options(port: u16, durability: Durability) -> String {
    let flag = match durability {
        Durability::Kept => "on",
        Durability::Forgotten => "off",
    };
    [
        format!("-p {port}"),
        "-c listen_addresses=127.0.0.1".into(),
        "-c unix_socket_directories=".into(),
        "-c max_connections=300".into(),
        "-c shared_buffers=128MB".into(),
        "-c timezone=UTC".into(),
        format!("-c fsync={flag}"),
        format!("-c synchronous_commit={flag}"),
        format!("-c full_page_writes={flag}"),
    ]
    .join(" ")
}

fn succeeded(what: &str, output: &Output) -> Result<()> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} failed ({}): {}", output.status, complaint.trim());
    Ok(())
}
