//! Large tables: what atoms take for five million rows, against DuckDB's own time for the same on the same file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::place::{Place, text_of};
use crate::{Result, row};

const ROWS: u64 = 5_000_000;
const USERS: u64 = 100_000;
/// Holds a Python with DuckDB; made once.
const VENV: &str = ".data/bench-venv";
const DUCKDB: &str = "duckdb==1.4.1";
const PEER: &str = include_str!("duckdb_peer.py");

/// Measures, or says why not.
pub fn against_duckdb(place: &Place) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (facts, users) = (folder.path().join("facts.csv"), folder.path().join("users.csv"));
    make_facts(&facts)?;
    make_users(&users)?;
    let peer = match peer(&facts, &users) {
        Ok(peer) => peer,
        Err(error) => {
            row("Five million rows, ten columns", "", &format!("DuckDB is not to be had here: {error}"), "");
            return Ok(());
        }
    };
    let facts = upload(place, &facts)?;
    let users = upload(place, &users)?;
    let read = |dataset: &str| json!({"id": "read", "atom": "csv-reader", "config": {"dataset": dataset}});
    let convert = run(place, "convert", &json!([{"id": "m", "type": "x", "atoms": [read(&facts)]}]), &json!([]))?;
    let parquet = text_of(&convert[0]["outputs"][0]["dataset_id"]);
    let first = json!({"id": "read", "atom": "parquet-reader", "config": {"dataset": parquet}});
    let sums = json!([
        {"column": "amount", "function": "sum"}, {"column": "share", "function": "mean"}, {"function": "count"}
    ]);
    let molecules = json!([
        {"id": "facts", "type": "x", "atoms": [first]},
        {"id": "users", "type": "x", "atoms": [read(&users)]},
        {"id": "profile", "type": "x", "atoms": [{"id": "a", "atom": "data-profiler", "config": {}}]},
        {"id": "group", "type": "x", "atoms": [
            {"id": "a", "atom": "aggregate", "config": {"group_by": ["user"], "aggregations": sums}}]},
        {"id": "join", "type": "x", "atoms": [{"id": "a", "atom": "join", "config": {"on": ["user"]}}]},
    ]);
    let edge = |from: &str, to: &str| json!({"from": from, "to": to});
    let connections = [edge("facts", "profile"), edge("facts", "group"), edge("facts", "join"), edge("users", "join")];
    // Why one after the other: each is to have the machine for itself, as DuckDB has.
    let tasks = run_in_turn(place, &molecules, &connections)?;
    let seconds = |place: &str| {
        let task = tasks.iter().chain(&convert).find(|task| task["place"] == place);
        task.and_then(|task| task["duration_ms"].as_f64()).unwrap_or(f64::NAN) / 1e3
    };
    for (what, atom, name) in [
        ("CSV → Parquet", "m.read", "convert"),
        ("profile", "profile.a", "profile"),
        ("group-by, 100,000 groups", "group.a", "group"),
        ("join with 100,000 rows", "join.a", "join"),
    ] {
        let (ours, theirs) = (seconds(atom), peer[name].as_f64().unwrap_or(f64::NAN));
        row(
            &format!("5,000,000 rows, 10 columns: {what}"),
            &format!("{ours:.2} s"),
            &format!("DuckDB: {theirs:.2} s"),
            &format!("{:.2} × (target ≤ 1.5 ×)", ours / theirs),
        );
    }
    Ok(())
}

/// One run for each of the last three molecules, each with what it needs before it.
fn run_in_turn(place: &Place, molecules: &Value, connections: &[Value]) -> Result<Vec<Value>> {
    let mut tasks = Vec::new();
    for last in ["profile", "group", "join"] {
        let wanted = |id: &Value| id == "facts" || id == last || (id == "users" && last == "join");
        let some: Vec<&Value> =
            molecules.as_array().into_iter().flatten().filter(|molecule| wanted(&molecule["id"])).collect();
        let edges: Vec<&Value> = connections.iter().filter(|edge| edge["to"] == last).collect();
        tasks.extend(run(place, last, &json!(some), &json!(edges))?);
    }
    Ok(tasks)
}

/// Runs a canvas and gives its tasks.
fn run(place: &Place, name: &str, molecules: &Value, connections: &Value) -> Result<Vec<Value>> {
    let workflow = place.workflow(name, &json!({"molecules": molecules, "connections": connections}))?;
    let run = text_of(&place.post(&format!("/workflows/{workflow}/execute"), &json!({}))?["run_id"]);
    let ended = loop {
        let run = place.get(&format!("/runs/{run}"))?;
        if !run["completed_at"].is_null() {
            break run;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    if ended["status"] != "succeeded" {
        return Err(format!("the run failed: {ended}").into());
    }
    Ok(place.get(&format!("/runs/{run}/tasks"))?.as_array().cloned().unwrap_or_default())
}

fn upload(place: &Place, file: &Path) -> Result<String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let path = format!("/projects/{}/datasets?name={name}&filename={name}", place.project);
    Ok(text_of(&place.upload(&path, File::open(file)?)?["id"]))
}

/// DuckDB's seconds for the same work, by name; the better of three.
fn peer(facts: &Path, users: &Path) -> Result<Value> {
    let python = Path::new(VENV).join("bin/python");
    if !python.exists() {
        done(Command::new("python3").args(["-m", "venv", VENV]))?;
        done(Command::new(&python).args(["-m", "pip", "install", "--quiet", DUCKDB]))?;
    }
    let said = done(Command::new(&python).args(["-c", PEER]).arg(facts).arg(users))?;
    Ok(serde_json::from_str(&said)?)
}

fn done(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Ten columns: numbers, words, dates, flags and holes.
fn make_facts(path: &Path) -> Result<()> {
    let kinds = ["rain", "sun", "snow", "fog", "drizzle"];
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    writeln!(file, "id,user,kind,city,day,amount,share,flag,note,count")?;
    let mut state: u64 = 42;
    for id in 0..ROWS {
        // Source: the 64-bit linear congruential generator of Knuth's MMIX.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (user, city, amount) = ((state >> 33) % USERS, (state >> 40) % 1_000, state >> 44);
        let kind = kinds[usize::try_from(state >> 61).unwrap_or_default() % kinds.len()];
        let (day, month, year) = (1 + id % 28, 1 + id % 12, 10 + id % 15);
        let note = if id % 3 == 0 { String::new() } else { format!("note {}", state >> 52) };
        writeln!(
            file,
            "{id},{user},{kind},city-{city:03},20{year}-{month:02}-{day:02},{amount}.{:02},0.{:05},{},{note},{}",
            id % 100,
            (state >> 35) % 100_000,
            id % 2 == 0,
            state >> 56,
        )?;
    }
    Ok(file.flush()?)
}

fn make_users(path: &Path) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "user,segment,weight")?;
    for user in 0..USERS {
        writeln!(file, "{user},segment-{},{}.5", user % 17, user % 1_009)?;
    }
    Ok(file.flush()?)
}
