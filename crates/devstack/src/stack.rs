//! The Postgres and Redis of `make up`: they live under a data folder and outlast the command that starts them.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::binaries;
use crate::place;
use crate::postgres::{Durability, Postgres};
use crate::redis::Redis;

const POSTGRES: &str = "pg";
const REDIS: &str = "redis";

/// Where the pair answers.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The URL of a Postgres superuser.
    pub postgres_url: String,
    pub redis_url: String,
}

/// Starts what does not run yet; `DATABASE_URL` and `REDIS_URL`, when set, stand in for private servers.
pub fn start(data: &Path) -> Result<Stack> {
    std::fs::create_dir_all(data).with_context(|| format!("cannot create {}", data.display()))?;
    let _one_at_a_time = lock(data)?;
    let postgres_url = match elsewhere("DATABASE_URL", data) {
        Some(url) => url,
        None => {
            // Why first: the packages bring an account to run servers as.
            binaries::postgres()?;
            let account = Account::for_servers()?;
            Postgres::new(&place::prepare(data, POSTGRES, &account)?, &account).start(Durability::Kept)?
        }
    };
    let redis_url = match elsewhere("REDIS_URL", data) {
        Some(url) => url,
        None => {
            let account = Account::for_servers()?;
            Redis::new(&place::prepare(data, REDIS, &account)?, &account).start()?
        }
    };
    Ok(Stack { postgres_url, redis_url })
}

/// The private servers of a data folder that run now, as (name, URL).
pub fn status(data: &Path) -> Result<Vec<(&'static str, String)>> {
    let account = Account::for_servers()?;
    let mut running = Vec::new();
    if let Some(folder) = place::find(data, POSTGRES) {
        running.extend(Postgres::new(&folder, &account).running()?.map(|url| ("postgres", url)));
    }
    if let Some(folder) = place::find(data, REDIS) {
        running.extend(Redis::new(&folder, &account).running()?.map(|url| ("redis", url)));
    }
    Ok(running)
}

/// Stops the private servers of a data folder; their data stays.
pub fn stop(data: &Path) -> Result<()> {
    if !data.exists() {
        return Ok(());
    }
    let _one_at_a_time = lock(data)?;
    let account = Account::for_servers()?;
    if let Some(folder) = place::find(data, REDIS) {
        Redis::new(&folder, &account).stop()?;
    }
    if let Some(folder) = place::find(data, POSTGRES) {
        Postgres::new(&folder, &account).stop()?;
    }
    Ok(())
}

/// Stops the private servers of a data folder and deletes their data.
pub fn remove(data: &Path) -> Result<()> {
    stop(data)?;
    place::remove(data, REDIS)?;
    place::remove(data, POSTGRES)
}

fn lock(data: &Path) -> Result<File> {
    let file = File::create(data.join("devstack.lock"))?;
    file.lock().context("cannot lock the data folder")?;
    Ok(file)
}

/// The variable's URL, unless it is that of this folder's own servers, as `dev.env` hands it to shells.
fn elsewhere(name: &str, data: &Path) -> Option<String> {
    let url = std::env::var(name).ok().filter(|url| !url.is_empty())?;
    let own = std::fs::read_to_string(data.join("dev.env")).is_ok_and(|text| text.contains(&url));
    (!own).then_some(url)
}
