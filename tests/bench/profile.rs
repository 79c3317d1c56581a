//! A profile of a million rows through the whole of Trinity, against the columnar engine's own run of it.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::json;

use crate::place::{Place, program, text_of};
use crate::{Result, row};

const ROWS: usize = 1_000_000;

const ROUNDS: u64 = 3;

/// Uploads a file, profiles it in a run, and lets the engine alone profile the same file; each time another file, so that
/// no result is remembered. The better of the rounds, because the machine has other things to do.
pub fn million_rows(place: &Place) -> Result<()> {
    let (mut through, mut alone) = (f64::MAX, f64::MAX);
    for round in 0..ROUNDS {
        let csv = made_up(round);
        let file = tempfile::NamedTempFile::with_suffix(".csv")?;
        std::fs::write(file.path(), &csv)?;
        through = through.min(seconds_of_run(place, csv)?);
        let output = Command::new(program("engine-alone")).arg(file.path()).output()?;
        alone = alone.min(String::from_utf8(output.stdout)?.trim().parse()?);
    }
    row(
        "Read and profile a CSV of 1,000,000 rows, a run of two tasks",
        &format!("{through:.2} s"),
        &format!("the engine's own query on the same file: {alone:.2} s"),
        &format!("{:.2} × (target ≤ 1.5 ×)", through / alone),
    );
    Ok(())
}

fn seconds_of_run(place: &Place, csv: String) -> Result<f64> {
    let name = uuid::Uuid::now_v7();
    let path = format!("/projects/{}/datasets?name={name}&filename=million.csv", place.project);
    let dataset = place.upload(&path, csv.into_bytes())?;
    let canvas = json!({
        "molecules": [{"id": "m", "type": "Explore", "atoms": [
            {"id": "read", "atom": "csv-reader", "config": {"dataset": dataset["id"]}},
            {"id": "profile", "atom": "data-profiler", "config": {}},
        ]}],
        "connections": [],
    });
    let workflow = place.workflow(&name.to_string(), &canvas)?;
    let run = text_of(&place.post(&format!("/workflows/{workflow}/execute"), &json!({}))?["run_id"]);
    let ended = loop {
        let run = place.get(&format!("/runs/{run}"))?;
        if !run["completed_at"].is_null() {
            break run;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    };
    if ended["status"] != "succeeded" {
        return Err(format!("the run failed: {ended}").into());
    }
    Ok(ended["duration_ms"].as_f64().unwrap_or_default() / 1e3)
}

/// Five columns of numbers, words and dates from a fixed sequence.
fn made_up(seed: u64) -> String {
    let words = ["rain", "sun", "snow", "fog", "drizzle"];
    let mut text = String::with_capacity(ROWS * 48);
    text.push_str("id,date,amount,share,kind\n");
    let mut state = 42 + seed;
    for id in 0..ROWS {
        // Source: the 64-bit linear congruential generator of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (amount, share, kind) = (state >> 44, (state >> 33) % 1000, (state >> 50) % 5);
        let _ = writeln!(
            text,
            "{id},20{:02}-{:02}-{:02},{amount}.{:02},0.{share:03},{}",
            10 + id % 15,
            1 + id % 12,
            1 + id % 28,
            id % 100,
            words[usize::try_from(kind).unwrap_or_default()]
        );
    }
    text
}
