//! `make bench`: speed as ratios within one run, on the installation that `trinity-all-in-one up` starts in a folder of its own.
//!
//! Every figure stands beside what it is measured against; see `docs/benchmarks.md`.

mod access;
mod engine;
mod load;
mod place;
mod profile;
mod reads;
mod tables;

use std::error::Error;

use place::Place;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

type Measurement = fn(&Place) -> Result<()>;

const MEASUREMENTS: [(&str, Measurement); 10] = [
    ("memory", Place::idle_memory),
    ("reads", reads::project),
    ("tax", reads::row_level_security),
    ("access", access::decisions),
    ("logins", access::logins),
    ("latency", engine::latency),
    ("burst", engine::burst),
    ("throughput", engine::throughput),
    ("profile", profile::million_rows),
    ("tables", tables::against_duckdb),
];

/// Measures everything, or what the arguments name.
fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(name) = wanted.iter().find(|name| MEASUREMENTS.iter().all(|(known, _)| known != name)) {
        return Err(format!("no measurement is called {name}").into());
    }
    let place = Place::start()?;
    println!("| what | measured | against | ratio or target |\n|---|---|---|---|");
    let done = MEASUREMENTS
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|one| one == name))
        .try_for_each(|(_, measure)| measure(&place));
    place.stop()?;
    done
}

/// Prints one row of the table.
fn row(what: &str, measured: &str, against: &str, verdict: &str) {
    println!("| {what} | {measured} | {against} | {verdict} |");
}

/// The value below which this share of the sorted values lies.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (values.len() as f64 * share) as usize;
    values[index.min(values.len() - 1)]
}
