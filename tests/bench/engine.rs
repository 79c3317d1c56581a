//! Durable no-op tasks through the engine: how many a second, and how soon one is done.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::place::{Place, text_of};
use crate::{Result, quantile, row};

const RUNS: usize = 30;
const FAN: usize = 200;
const SAMPLES: usize = 100;
const DEADLINE: Duration = Duration::from_secs(120);

fn molecule(id: &str) -> Value {
    json!({"id": id, "type": "Utility", "atoms": [{"id": "noop", "atom": "noop", "config": {}}]})
}

/// A run of one task on an idle system, from the POST to the success that a GET shows.
pub fn latency(place: &Place) -> Result<()> {
    let workflow = place.workflow("one task", &json!({"molecules": [molecule("only")], "connections": []}))?;
    let mut samples = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES + 10 {
        let begun = Instant::now();
        let run = text_of(&place.post(&format!("/workflows/{workflow}/execute"), &json!({}))?["run_id"]);
        while place.get(&format!("/runs/{run}"))?["status"] != "succeeded" {
            if begun.elapsed() > DEADLINE {
                return Err("the run does not end".into());
            }
        }
        // Why: the first ones fill caches and pools.
        if sample >= 10 {
            samples.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    row(
        "One-task run, POST to success, idle system",
        &format!("median {:.1} ms, p95 {:.1} ms", quantile(&mut samples, 0.5), quantile(&mut samples, 0.95)),
        "",
        "target < 15 ms median",
    );
    Ok(())
}

/// Runs of one task and a fan of two hundred behind it.
pub fn throughput(place: &Place) -> Result<()> {
    let mut molecules = vec![molecule("first")];
    let mut connections = Vec::new();
    for number in 0..FAN {
        let id = format!("m{number}");
        molecules.push(molecule(&id));
        connections.push(json!({"from": "first", "to": id, "type": "data_flow"}));
    }
    let workflow = place.workflow("fan", &json!({"molecules": molecules, "connections": connections}))?;
    let begun = Instant::now();
    for _ in 0..RUNS {
        place.post(&format!("/workflows/{workflow}/execute"), &json!({}))?;
    }
    let left =
        format!("SELECT count(*) FROM orchestration.runs WHERE workflow_id = '{workflow}' AND status <> 'succeeded'");
    while place.sql(&left)? != "0" {
        if begun.elapsed() > DEADLINE {
            return Err("the runs do not end".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let tasks = RUNS * (FAN + 1);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = tasks as f64 / begun.elapsed().as_secs_f64();
    row(
        "Durable no-op tasks through engine and worker",
        &format!("{rate:.0}/s ({tasks} tasks)"),
        "",
        "target ≥ 1,500/s",
    );
    Ok(())
}
