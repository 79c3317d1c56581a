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

fn main() -> Result<()> {
    let place = Place::start()?;
    println!("| what | measured | against | ratio or target |\n|---|---|---|---|");
    let done = measure(&place);
    place.stop()?;
    done
}

fn measure(place: &Place) -> Result<()> {
    place.idle_memory()?;
    reads::project(place)?;
    reads::row_level_security(place)?;
    access::decisions(place)?;
    access::logins(place)?;
    engine::latency(place)?;
    engine::burst(place)?;
    engine::throughput(place)?;
    profile::million_rows(place)?;
    tables::against_duckdb(place)
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
