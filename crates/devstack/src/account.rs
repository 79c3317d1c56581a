//! Who runs the servers: ourselves, or an unprivileged account when we are root, because `initdb` refuses root.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use nix::unistd::{User, chown, geteuid, getgid};

/// The account that is made when the system has no `postgres`.
const OWN_ACCOUNT: &str = "trinity";

/// The account that the servers run as.
#[derive(Clone, Debug)]
pub struct Account {
    uid: u32,
    gid: u32,
    switch: bool,
}

impl Account {
    /// The caller's own account, or an unprivileged one when the caller is root.
    pub fn for_servers() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { uid: geteuid().as_raw(), gid: getgid().as_raw(), switch: false });
        }
        // Why our own first: the answer must stay the same when Postgres, with its account, is installed later.
        let user = match find(OWN_ACCOUNT)?.or(find("postgres")?) {
            Some(user) => user,
            None => create()?,
        };
        Ok(Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), switch: true })
    }

    /// A command that runs as this account, free of the caller's Postgres settings.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for name in ["PGDATA", "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS"] {
            command.env_remove(name);
        }
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a path to this account and to nobody else.
    pub fn take(&self, path: &Path) -> Result<()> {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        if self.switch {
            chown(path, Some(self.uid.into()), Some(self.gid.into()))?;
        }
        Ok(())
    }

    /// Whether this account can walk to `path`: it may enter every folder on the way.
    pub fn reaches(&self, path: &Path) -> Result<bool> {
        let path = path.canonicalize().with_context(|| format!("no such folder: {}", path.display()))?;
        for folder in path.ancestors() {
            let found = folder.metadata()?;
            let shift = match (found.uid() == self.uid, found.gid() == self.gid) {
                (true, _) => 6,
                (false, true) => 3,
                (false, false) => 0,
            };
            if (found.mode() >> shift) & 1 == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn find(name: &str) -> Result<Option<User>> {
    User::from_name(name).with_context(|| format!("cannot look up the account {name}"))
}

fn create() -> Result<User> {
    eprintln!("creating the system account {OWN_ACCOUNT}, which runs the private Postgres and Redis");
    let status = Command::new("useradd")
        .args(["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_ACCOUNT])
        .status()
        .context("cannot run useradd")?;
    ensure!(status.success(), "useradd {OWN_ACCOUNT} failed");
    find(OWN_ACCOUNT)?.context("useradd made no account")
}
