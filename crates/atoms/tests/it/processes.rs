//! Child processes: what kills one hurts one attempt, and nobody else.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio_util::sync::CancellationToken;
use trinity_atoms::{Fault, LogSink, Outcome, Pool, PoolSettings, Task, fault::code};

use crate::support::{Bench, DATASET, settings};

const PATIENCE: Duration = Duration::from_secs(60);

pub fn pool_settings(bench: &Bench) -> PoolSettings {
    PoolSettings {
        program: PathBuf::from(env!("CARGO_BIN_EXE_atom-runner")),
        storage_url: bench.storage.url().to_owned(),
        storage: trinity_storage::Settings::default(),
        egress_allow: vec![],
        engine: settings(bench.folder.path(), 256 << 20),
        process_limit_bytes: None,
        idle_timeout: PATIENCE,
        cancel_grace: Duration::from_millis(300),
    }
}

fn pool(bench: &Bench, change: impl FnOnce(&mut PoolSettings)) -> Arc<Pool> {
    let mut settings = pool_settings(bench);
    change(&mut settings);
    Arc::new(Pool::new(settings))
}

async fn read_task(bench: &Bench) -> Task {
    let mut task = bench.task("csv-reader", json!({"dataset": DATASET}));
    task.datasets = vec![bench.dataset("a,b\n1,x\n2,y\n").await];
    task
}

/// A query that goes on for hours: a product of three series.
fn endless_task(bench: &Bench, input: trinity_atoms::InputTable) -> Task {
    let query = "SELECT count(*) AS n FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b, input WHERE a.value % 7 = b.value % 5";
    let mut task = bench.task("sql", json!({"query": query}));
    task.inputs = vec![input];
    task
}

async fn run(pool: &Pool, task: &Task) -> Result<Outcome, Fault> {
    let log: LogSink = Arc::new(|_| {});
    pool.run(task, &log, &CancellationToken::new()).await
}

/// The child processes of this process that are runners.
fn children() -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        if stat.contains("(atom-runner)") && fields[0] != "Z" && fields[1] == std::process::id().to_string() {
            found.push(pid);
        }
    }
    found
}

fn kill_children() {
    for pid in children() {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    }
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_warm_child_serves_one_task_after_another() {
    let bench = Bench::new();
    let pool = pool(&bench, |_| {});
    for _ in 0..3 {
        let outcome = run(&pool, &read_task(&bench).await).await.unwrap();
        assert_eq!(bench.lines(&outcome.outputs[0]), ["1|x", "2|y"]);
    }
    assert_eq!((pool.started_count(), pool.idle_count()), (1, 1));
}

#[tokio::test]
async fn what_the_atom_says_arrives() {
    let bench = Bench::new();
    let pool = pool(&bench, |_| {});
    pool.run(&read_task(&bench).await, &bench.log(), &CancellationToken::new()).await.unwrap();
    let lines = bench.log.lock().unwrap();
    assert!(lines.iter().any(|line| line.message == "read 2 rows of 2 columns" && line.level == "info"), "{lines:?}");
}

#[tokio::test]
async fn a_fault_of_the_data_leaves_the_child_alive() {
    let bench = Bench::new();
    let pool = pool(&bench, |_| {});
    let mut task = bench.task("csv-reader", json!({"dataset": DATASET}));
    task.datasets = vec![bench.dataset("a,b\n1\n").await];
    let fault = run(&pool, &task).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::CSV_MALFORMED, false));
    run(&pool, &read_task(&bench).await).await.unwrap();
    assert_eq!(pool.started_count(), 1);
}

#[tokio::test]
async fn a_killed_child_costs_one_attempt_and_a_new_one_serves() {
    let bench = Bench::new();
    let pool = pool(&bench, |_| {});
    let task = endless_task(&bench, bench.table("a\n1\n").await);
    let killing = async {
        until("the child's start", || !children().is_empty()).await;
        kill_children();
    };
    let both = async { tokio::join!(run(&pool, &task), killing) };
    let (result, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    let fault = result.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::ATOM_CRASHED, true), "{fault}");
    run(&pool, &read_task(&bench).await).await.unwrap();
    assert_eq!(pool.started_count(), 2);
}

#[tokio::test]
async fn cancelling_stops_a_query_that_does_not_listen() {
    let bench = Bench::new();
    let pool = pool(&bench, |_| {});
    let task = endless_task(&bench, bench.table("a\n1\n").await);
    let cancel = CancellationToken::new();
    let log: LogSink = Arc::new(|_| {});
    let stop = async {
        until("the child's start", || !children().is_empty()).await;
        let asked = Instant::now();
        cancel.cancel();
        asked
    };
    let (result, asked) = tokio::join!(pool.run(&task, &log, &cancel), stop);
    assert_eq!(result.unwrap_err().code, code::CANCELLED);
    assert!(asked.elapsed() < Duration::from_secs(1), "cancelling took {:?}", asked.elapsed());
    run(&pool, &read_task(&bench).await).await.unwrap();
}

#[tokio::test]
async fn a_child_beyond_its_memory_dies_alone() {
    let bench = Bench::new();
    let pool = pool(&bench, |settings| {
        settings.engine.memory_limit_bytes = 8 << 30;
        settings.process_limit_bytes = Some(300 << 20);
    });
    let query =
        "SELECT string_agg(repeat(chr(65 + CAST(value % 26 AS INT)), 1000), '') AS t FROM generate_series(1, 4000000)";
    let mut task = bench.task("sql", json!({"query": query}));
    task.inputs = vec![bench.table("a\n1\n").await];
    let fault = run(&pool, &task).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::OUT_OF_MEMORY, false), "{fault}");
    run(&pool, &read_task(&bench).await).await.unwrap();
}

#[tokio::test]
async fn idle_children_are_stopped() {
    let bench = Bench::new();
    let pool = pool(&bench, |settings| settings.idle_timeout = Duration::ZERO);
    run(&pool, &read_task(&bench).await).await.unwrap();
    assert_eq!(children().len(), 1);
    pool.stop_idle();
    assert_eq!(pool.idle_count(), 0);
    until("the child's end", || children().is_empty()).await;
    let spill = std::fs::read_dir(bench.folder.path().join("spill")).unwrap().flatten();
    let left: Vec<_> =
        spill.map(|entry| entry.file_name()).filter(|name| name.to_string_lossy().starts_with("runner-")).collect();
    assert!(left.is_empty(), "{left:?} left behind");
}

#[tokio::test]
async fn a_child_that_died_while_idle_is_replaced() {
    let bench = Bench::new();
    let pool = pool(&bench, |_| {});
    run(&pool, &read_task(&bench).await).await.unwrap();
    kill_children();
    until("the child's end", || children().is_empty()).await;
    let outcome = run(&pool, &read_task(&bench).await).await;
    // The pipe of a dead child may still take the task: then the attempt fails, as any crash does.
    if let Err(fault) = outcome {
        assert_eq!((fault.code.as_str(), fault.retryable), (code::ATOM_CRASHED, true));
    }
    run(&pool, &read_task(&bench).await).await.unwrap();
}

#[tokio::test]
async fn a_child_ends_with_its_parent() {
    use std::io::Write;
    let bench = Bench::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_atom-runner"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let setup = json!({
        "kind": "setup", "engine": settings(bench.folder.path(), 64 << 20), "storage_url": bench.storage.url(),
    });
    let task = endless_task(&bench, bench.table("a\n1\n").await);
    let mut input = child.stdin.take().unwrap();
    for message in [setup, json!({"kind": "run", "task": task})] {
        let text = message.to_string();
        input.write_all(&u32::try_from(text.len()).unwrap().to_be_bytes()).unwrap();
        input.write_all(text.as_bytes()).unwrap();
    }
    drop(input);
    until("the child's end", || child.try_wait().unwrap().is_some()).await;
}
