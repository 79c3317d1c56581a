//! One private Redis without persistence: its folder, its start, its stop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;

use crate::account::Account;
use crate::{binaries, process};

/// How often another port is tried when somebody else takes the first.
const PORT_ATTEMPTS: usize = 3;
/// How long a new server has for its first answer.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A Redis whose files lie in one folder.
pub struct Redis {
    folder: PathBuf,
    account: Account,
}

impl Redis {
    /// The Redis of a folder, which must exist and belong to the account.
    pub fn new(folder: &Path, account: &Account) -> Self {
        Self { folder: folder.to_owned(), account: account.clone() }
    }

    /// The file that names the running server's process.
    pub fn pid_file(&self) -> PathBuf {
        self.folder.join("redis.pid")
    }

    /// Starts the server unless it runs. Returns its URL.
    pub fn start(&self) -> Result<String> {
        if let Some(url) = self.running()? {
            return Ok(url);
        }
        let program = binaries::redis()?;
        // Why: a pid file that outlived its server may be one that the new server cannot overwrite.
        let _ = std::fs::remove_file(self.pid_file());
        let mut outcome = Ok(());
        for _ in 0..PORT_ATTEMPTS {
            outcome = self.launch(&program);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
        self.running()?.context("Redis stopped right after its start")
    }

    /// The server's URL, if it runs.
    pub fn running(&self) -> Result<Option<String>> {
        if process::owner(&self.pid_file(), &self.folder).is_none() {
            return Ok(None);
        }
        let (port, password) = self.address()?;
        Ok(Some(format!("redis://:{password}@127.0.0.1:{port}/")))
    }

    /// Stops the server. Nothing happens when it does not run.
    pub fn stop(&self) -> Result<()> {
        process::stop(&self.pid_file(), &self.folder, Signal::SIGTERM)
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join("redis.conf")
    }

    fn launch(&self, program: &Path) -> Result<()> {
        let (port, password) = (process::free_port()?, process::random_password());
        let folder = self.folder.display();
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\ndaemonize yes\n\
             dir \"{folder}\"\npidfile \"{folder}/redis.pid\"\nlogfile \"{folder}/redis.log\"\n"
        );
        std::fs::write(self.settings_file(), settings)?;
        self.account.take(&self.settings_file())?;
        let output = self
            .account
            .command(program)
            .current_dir(&self.folder)
            .arg(self.settings_file())
            .output()
            .with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(output.status.success(), "redis-server failed: {}", String::from_utf8_lossy(&output.stdout));
        process::wait_until(START_LIMIT, "Redis to answer", || {
            process::owner(&self.pid_file(), &self.folder).is_some() && answers(port, &password).unwrap_or(false)
        })
        .with_context(|| process::tail(&self.folder.join("redis.log")))
    }

    fn address(&self) -> Result<(u16, String)> {
        let text = std::fs::read_to_string(self.settings_file())
            .with_context(|| format!("cannot read {}", self.settings_file().display()))?;
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
                .with_context(|| format!("redis.conf has no {key}"))
        };
        Ok((value("port")?.parse()?, value("requirepass")?.to_owned()))
    }
}

/// Whether a Redis with this password answers at this port.
fn answers(port: u16, password: &str) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes())?;
    let expected = b"+OK\r\n+PONG\r\n";
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    Ok(&answer == expected)
}
