//! Durable no-op tasks through the engine: how many a second, and how soon one is done.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::place::{Place, text_of};
use crate::{Result, quantile, row};

const RUNS: usize = 60;
const FAN: usize = 200;
/// Runs that are started at once, and by how many connections.
const BURST: usize = 200;
const CONNECTIONS: usize = 16;
const SAMPLES: usize = 100;
const DEADLINE: Duration = Duration::from_secs(120);

fn molecule(id: &str) -> Value {
    json!({"id": id, "type": "Utility", "atoms": [{"id": "noop", "atom": "noop", "config": {}}]})
}

/// Three steps, one behind the other.
fn three_steps(place: &Place, name: &str) -> Result<String> {
    let atoms: Vec<Value> = (0..3).map(|n| json!({"id": format!("s{n}"), "atom": "noop", "config": {}})).collect();
    let molecules = json!([{"id": "m", "type": "Utility", "atoms": atoms}]);
    place.workflow(name, &json!({"molecules": molecules, "connections": []}))
}

/// Runs of one task and of three in a row on an idle system, from the POST to the success that a waiting GET shows.
///
/// Why not a GET again and again: whoever asks takes the processor that the run needs.
pub fn latency(place: &Place) -> Result<()> {
    let one = place.workflow("one task", &json!({"molecules": [molecule("only")], "connections": []}))?;
    measure_latency(place, &one, "One-task run", "target < 15 ms median")?;
    let three = three_steps(place, "three tasks")?;
    measure_latency(place, &three, "Three-step run", "target < 15 ms median, < 25 ms p95")
}

fn measure_latency(place: &Place, workflow: &str, what: &str, target: &str) -> Result<()> {
    let mut samples = Vec::with_capacity(SAMPLES);
    for sample in 0..SAMPLES + 10 {
        let begun = Instant::now();
        let run = text_of(&place.post(&format!("/workflows/{workflow}/execute"), &json!({}))?["run_id"]);
        let ended = place.get(&format!("/runs/{run}/wait"))?;
        if ended["status"] != "succeeded" {
            return Err(format!("the run does not succeed: {ended}").into());
        }
        // Why: the first ones fill caches and pools.
        if sample >= 10 {
            samples.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    row(
        &format!("{what}, POST to success, idle system"),
        &format!("median {:.1} ms, p95 {:.1} ms", quantile(&mut samples, 0.5), quantile(&mut samples, 0.95)),
        "",
        target,
    );
    Ok(())
}

/// Two hundred runs of three steps, started at once: until the last has succeeded. The median of three, after one that fills
/// pools and caches.
pub fn burst(place: &Place) -> Result<()> {
    burst_once(place, "warm up")?;
    let mut rates =
        ["one", "two", "three"].into_iter().map(|name| burst_once(place, name)).collect::<Result<Vec<_>>>()?;
    let rate = quantile(&mut rates, 0.5);
    row("Burst of 200 three-step runs", &format!("{rate:.0} runs/s"), "", "target ≥ 400 runs/s");
    Ok(())
}

/// How many runs a second one burst makes.
fn burst_once(place: &Place, name: &str) -> Result<f64> {
    let workflow = three_steps(place, &format!("burst {name}"))?;
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let share = BURST.div_ceil(CONNECTIONS);
        let starters: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (workflow, count) = (&workflow, share.min(BURST.saturating_sub(number * share)));
                scope.spawn(move || -> Result<()> {
                    for _ in 0..count {
                        place.post(&format!("/workflows/{workflow}/execute"), &json!({}))?;
                    }
                    Ok(())
                })
            })
            .collect();
        starters.into_iter().try_for_each(|starter| starter.join().expect("a starter that does not panic"))
    })?;
    wait_for_all(place, &workflow, begun)?;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    Ok(BURST as f64 / begun.elapsed().as_secs_f64())
}

/// Waits until every run of the workflow has ended; none may have failed.
fn wait_for_all(place: &Place, workflow: &str, begun: Instant) -> Result<()> {
    // Why in this order: what is no longer pending is running or has ended.
    for status in ["pending", "running"] {
        let left = format!("/workflows/{workflow}/runs?status={status}&per_page=1");
        while place.get(&left)?.as_array().is_none_or(|runs| !runs.is_empty()) {
            if begun.elapsed() > DEADLINE {
                return Err("the runs do not end".into());
            }
            // Why so long: whoever asks more often takes the processor that the runs need.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let failed = place.get(&format!("/workflows/{workflow}/runs?status=failed&per_page=1"))?;
    if failed.as_array().is_some_and(Vec::is_empty) { Ok(()) } else { Err(format!("runs failed: {failed}").into()) }
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
    wait_for_all(place, &workflow, begun)?;
    let tasks = RUNS * (FAN + 1);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = tasks as f64 / begun.elapsed().as_secs_f64();
    row(
        "Durable no-op tasks through engine and worker",
        &format!("{rate:.0}/s ({tasks} tasks)"),
        "",
        "target ≥ 3,000/s",
    );
    Ok(())
}
