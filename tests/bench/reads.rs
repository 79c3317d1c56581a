//! A point read through gateway and service, against what pgbench reaches for the same statement.

use std::process::Command;
use std::time::Duration;

use crate::load::requests_per_second;
use crate::place::{Place, postgres};
use crate::{Result, quantile, row};

const CONNECTIONS: usize = 16;
const SECONDS: u64 = 8;
/// How often two things are measured in turns; the median counts.
const ROUNDS: usize = 5;

/// GET of a project. The statement is the service's own, context and row-level security included, in the serving role.
pub fn project(place: &Place) -> Result<()> {
    let (address, request) = (address(place), get_project(place));
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

fn address(place: &Place) -> String {
    place.settings["TRINITY_URL"].trim_start_matches("http://").to_owned()
}

fn get_project(place: &Place) -> String {
    format!(
        "GET /api/v1/projects/{} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
        place.project,
        address(place),
        place.token
    )
}

fn pgbench(place: &Place) -> Result<f64> {
    let tenant = tenant(place)?;
    let statement = format!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', '{tenant}', true) AS tenant) \
        SELECT p.* FROM context CROSS JOIN LATERAL (SELECT * FROM projects \
        WHERE tenant_id = context.tenant::uuid AND id = '{}' AND deleted_at IS NULL OFFSET 0) AS p;\n",
        place.project
    );
    transactions_per_second(&statement, &serving_url("registry")?, "", SECONDS)
}

/// What row-level security costs a point read: a GET with it and without, and the bare statement by the serving role,
/// which it holds for, and by the superuser, for whom it does not. In turns, because the machine has other things to do.
pub fn row_level_security(place: &Place) -> Result<()> {
    let request = get_project(place);
    let address = address(place);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (word, rates) in [("ENABLE", &mut with), ("DISABLE", &mut without)] {
            // Why here: it is the bench's own database, and nobody else is in it.
            place.sql(&format!("ALTER TABLE registry.projects {word} ROW LEVEL SECURITY"))?;
            requests_per_second(&address, &request, CONNECTIONS, Duration::from_millis(300))?;
            rates.push(requests_per_second(&address, &request, CONNECTIONS, Duration::from_secs(2))?);
        }
    }
    place.sql("ALTER TABLE registry.projects ENABLE ROW LEVEL SECURITY")?;
    let (with, without) = (quantile(&mut with, 0.5), quantile(&mut without, 0.5));
    row(
        "Row-level security on a point read: GET of a project",
        &format!("{with:.0}/s"),
        &format!("the same GET with it switched off: {without:.0}/s"),
        &format!("{:.1} % slower (target ≤ 5 %)", (1.0 - with / without) * 100.0),
    );
    bare_row_level_security(place)
}

fn bare_row_level_security(place: &Place) -> Result<()> {
    let tenant = tenant(place)?;
    let statement = format!(
        "SELECT * FROM registry.projects WHERE tenant_id = '{tenant}' AND id = '{}' AND deleted_at IS NULL;\n",
        place.project
    );
    let (serving, superuser) = (serving_url("registry")?, place.superuser_url());
    let context = format!("-c app.tenant_id={tenant}");
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.push(transactions_per_second(&statement, &serving, &context, 2)?);
        without.push(transactions_per_second(&statement, &superuser, &context, 2)?);
    }
    let (with, without) = (quantile(&mut with, 0.5), quantile(&mut without, 0.5));
    row(
        "The same on the bare statement, by pgbench",
        &format!("{with:.0}/s"),
        &format!("the same SELECT without it: {without:.0}/s"),
        &format!("{:.1} % slower", (1.0 - with / without) * 100.0),
    );
    Ok(())
}

fn tenant(place: &Place) -> Result<String> {
    place.sql(&format!("SELECT tenant_id FROM registry.projects WHERE id = '{}'", place.project))
}

/// A service's database in its serving role.
fn serving_url(service: &str) -> Result<String> {
    let settings = std::fs::read_to_string(".data/bench/trinity.toml")?;
    let service = settings.split(&format!("[{service}]")).nth(1).ok_or("no settings of the service")?;
    let line = service.lines().find(|line| line.starts_with("database_url")).ok_or("no database_url")?;
    Ok(line.split('"').nth(1).ok_or("no URL")?.to_owned())
}

/// What pgbench reaches with prepared statements.
fn transactions_per_second(statement: &str, url: &str, options: &str, seconds: u64) -> Result<f64> {
    let script = tempfile::NamedTempFile::new()?;
    std::fs::write(script.path(), statement)?;
    let output = Command::new(postgres("pgbench"))
        .args(["-n", "-M", "prepared", "-c", &CONNECTIONS.to_string(), "-j", "2", "-T", &seconds.to_string(), "-f"])
        .arg(script.path())
        .arg(url)
        .env("PGOPTIONS", options)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text
        .lines()
        .find(|line| line.starts_with("tps ="))
        .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(line.split_whitespace().nth(2).ok_or("no figure")?.parse()?)
}
