//! A point read through gateway and service, against what pgbench reaches for the same statement.

use std::process::Command;
use std::time::Duration;

use crate::load::requests_per_second;
use crate::place::{Place, postgres};
use crate::{Result, row};

const CONNECTIONS: usize = 16;
const SECONDS: u64 = 8;

/// GET of a project. The statement is the service's own, context and row-level security included, in the serving role.
pub fn project(place: &Place) -> Result<()> {
    let address = place.settings["TRINITY_URL"].trim_start_matches("http://").to_owned();
    let request = format!(
        "GET /api/v1/projects/{} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n",
        place.project, place.token
    );
    requests_per_second(&address, &request, CONNECTIONS, Duration::from_secs(1))?;
    let reached = requests_per_second(&address, &request, CONNECTIONS, Duration::from_secs(SECONDS))?;
    let bare = pgbench(place)?;
    row(
        "GET of a project, gateway → service → Postgres, 16 connections",
        &format!("{reached:.0}/s"),
        &format!("pgbench -M prepared, same SELECT: {bare:.0}/s"),
        &format!("{:.2} (target ≥ 0.35)", reached / bare),
    );
    Ok(())
}

fn pgbench(place: &Place) -> Result<f64> {
    let tenant = place.sql(&format!("SELECT tenant_id FROM registry.projects WHERE id = '{}'", place.project))?;
    let script = tempfile::NamedTempFile::new()?;
    let statement = format!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', '{tenant}', true) AS tenant) \
        SELECT p.* FROM context CROSS JOIN LATERAL (SELECT * FROM projects \
        WHERE tenant_id = context.tenant::uuid AND id = '{}' AND deleted_at IS NULL OFFSET 0) AS p;\n",
        place.project
    );
    std::fs::write(script.path(), statement)?;
    let settings = std::fs::read_to_string(".data/bench/trinity.toml")?;
    let registry = settings.split("[registry]").nth(1).ok_or("no settings of the registry")?;
    let line = registry.lines().find(|line| line.starts_with("database_url")).ok_or("no database_url")?;
    let url = line.split('"').nth(1).ok_or("no URL")?;
    let output = Command::new(postgres("pgbench"))
        .args(["-n", "-M", "prepared", "-c", &CONNECTIONS.to_string(), "-j", "2", "-T", &SECONDS.to_string(), "-f"])
        .arg(script.path())
        .arg(url)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text
        .lines()
        .find(|line| line.starts_with("tps ="))
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(line.split_whitespace().nth(2).ok_or("no figure")?.parse()?)
}
