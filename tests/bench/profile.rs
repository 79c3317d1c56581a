//! A profile of a million rows through the whole of Trinity, against the columnar engine's own run of it.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::json;

use crate::place::{Place, program, text_of};
use crate::{Result, row};

const ROWS: usize = 1_000_000;

/// Uploads the file, profiles it in a run, and lets the engine alone profile the same file.
pub fn million_rows(place: &Place) -> Result<()> {
    let csv = made_up();
    let file = tempfile::NamedTempFile::with_suffix(".csv")?;
    std::fs::write(file.path(), &csv)?;
    let path = format!("/projects/{}/datasets?name=million.csv&filename=million.csv", place.project);
    let dataset = place.upload(&path, csv.into_bytes())?;
    let canvas = json!({
        "molecules": [{"id": "m", "type": "Explore", "atoms": [
            {"id": "read", "atom": "csv-reader", "config": {"dataset": dataset["id"]}},
            {"id": "profile", "atom": "data-profiler", "config": {}},
        ]}],
        "connections": [],
    });
    let workflow = place.workflow("million", &canvas)?;
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
    let seconds = ended["duration_ms"].as_f64().unwrap_or_default() / 1e3;
    let output = Command::new(program("engine-alone")).arg(file.path()).output()?;
    let alone: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
    row(
        "Read and profile a CSV of 1,000,000 rows, a run of two tasks",
        &format!("{seconds:.2} s"),
        &format!("the engine's own query on the same file: {alone:.2} s"),
        &format!("{:.2} × (target ≤ 1.5 ×)", seconds / alone),
    );
    Ok(())
}

/// Five columns of numbers, words and dates from a fixed sequence.
fn made_up() -> String {
    let words = ["rain", "sun", "snow", "fog", "drizzle"];
    let mut text = String::with_capacity(ROWS * 48);
    text.push_str("id,date,amount,share,kind\n");
    let mut state: u64 = 42;
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
