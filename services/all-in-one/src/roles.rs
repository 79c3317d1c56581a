//! `provision` for operators: database, schemas and roles in a Postgres of theirs, and the settings that follow.

use anyhow::{Context, Result};
use trinity_devstack::provision::Plan;
use trinity_devstack::{SERVICES, provision};

/// Provisions and returns the settings, a line each, for an environment file.
///
/// # Errors
/// When Postgres is away or refuses its administrator.
pub async fn settings(admin_url: &str, database: &str, secret: &str) -> Result<String> {
    let plan = Plan { admin_url, database, services: &SERVICES, secret };
    let urls = provision(&plan).await.context("provisioning")?;
    let lines = urls.iter().map(|(service, urls)| {
        let name = service.to_uppercase();
        format!("TRINITY_{name}_DATABASE_URL={}\nTRINITY_{name}_OWNER_URL={}\n", urls.serve, urls.owner)
    });
    Ok(lines.collect())
}
