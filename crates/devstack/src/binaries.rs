//! Where the server programs are, and how they come onto the machine when they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::geteuid;

const PACKAGES: [&str; 2] = ["postgresql", "redis-server"];

/// The programs of one Postgres version.
#[derive(Clone, Debug)]
pub struct PostgresPrograms {
    pub initdb: PathBuf,
    pub pg_ctl: PathBuf,
}

/// The newest Postgres of the machine, installed first if there is none and we may.
pub fn postgres() -> Result<PostgresPrograms> {
    found_or_installed("Postgres", find_postgres)
}

/// The machine's redis-server, installed first if there is none and we may.
pub fn redis() -> Result<PathBuf> {
    found_or_installed("Redis", || on_path("redis-server"))
}

fn found_or_installed<T>(what: &str, find: impl Fn() -> Option<T>) -> Result<T> {
    if let Some(found) = find() {
        return Ok(found);
    }
    install(what)?;
    find().with_context(|| format!("{what} is still missing after its installation"))
}

fn find_postgres() -> Option<PostgresPrograms> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path.join("bin")))
        })
        .collect();
    versions.sort();
    versions
        .into_iter()
        .rev()
        .map(|(_, bin)| bin)
        .chain(on_path("initdb").and_then(|path| Some(path.parent()?.to_owned())))
        .map(|bin| PostgresPrograms { initdb: bin.join("initdb"), pg_ctl: bin.join("pg_ctl") })
        .find(|programs| programs.initdb.is_file() && programs.pg_ctl.is_file())
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn install(what: &str) -> Result<()> {
    let command = format!("apt-get update && apt-get install -y {}", PACKAGES.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("{what} is missing: install Postgres (14 or newer) and Redis (6.2 or newer) with the system's packages");
    }
    if !geteuid().is_root() {
        bail!("{what} is missing: run `sudo sh -c '{command}'`, then try again");
    }
    eprintln!("{what} is missing; installing the system's packages: {command}");
    apt_get(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(PACKAGES);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    // Why: apt's own chatter would bury the progress of the caller, and its stdout may be the caller's result.
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("cannot run apt-get")?;
    ensure!(
        output.status.success(),
        "apt-get {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
