//! Data work: in child processes, cancelled, killed, and taken from the cache.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trinity_proto::orchestration::{self as pb, connect_request::Kind};

use crate::fake::{Bench, Connection, DATASET, PATIENCE, task};

async fn read_task(bench: &Bench, id: &str, csv: &str) -> pb::AssignedTask {
    let mut read = task(id, "csv-reader", &json!({"dataset": DATASET}));
    read.datasets = vec![bench.dataset(csv).await];
    read
}

/// A query that goes on for hours.
fn endless_task(id: &str, input: &pb::OutputFile) -> pb::AssignedTask {
    let query = "SELECT count(*) AS n FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b, input WHERE a.value % 7 = b.value % 5";
    let mut endless = task(id, "sql", &json!({"query": query}));
    endless.inputs = vec![as_input(input)];
    endless
}

fn as_input(output: &pb::OutputFile) -> pb::InputFile {
    pb::InputFile {
        storage_key: output.storage_key.clone(),
        format: "parquet".into(),
        content_hash: output.content_hash.clone(),
        ..pb::InputFile::default()
    }
}

async fn read(bench: &Bench, connection: &mut Connection, id: &str) -> pb::TaskCompleted {
    let read = read_task(bench, id, "a,b\n1,x\n2,y\n").await;
    connection.assign(vec![read.clone()]);
    let completed = connection.completed().await;
    connection.record(&read);
    completed
}

/// The runners that belong to this test's process.
fn children() -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        if stat.contains("(trinity-worker)") && fields[0] != "Z" && fields[1] == std::process::id().to_string() {
            found.push(pid);
        }
    }
    found
}

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_dataset_becomes_a_table_and_what_was_said_comes_first() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    connection.assign(vec![read_task(&bench, "a", "day,wind\n2012/01/01,4.7\n2012/01/02,\n").await]);
    let mut said = Vec::new();
    let completed = connection
        .next("the result", |kind| match kind {
            Kind::Log(log) => {
                said.extend(log.lines.into_iter().map(|line| line.message));
                None
            }
            Kind::Completed(completed) => Some(completed),
            Kind::Failed(failed) => panic!("{failed:?}"),
            _ => None,
        })
        .await;
    assert_eq!(said, ["read 2 rows of 2 columns"]);
    assert_eq!((completed.rows_in, completed.rows_out, completed.cached), (2, 2, false));
    let output = &completed.outputs[0];
    let schema: Vec<_> = output.schema.iter().map(|column| (column.name.as_str(), column.r#type.as_str())).collect();
    assert_eq!(schema, [("day", "date"), ("wind", "float64")]);
    assert_eq!(output.storage_key, "tenant-t/project-p/pipelines/w/runs/r/outputs/a/1/data/data.parquet");
    assert_eq!(bench.storage.head(&output.storage_key).await.unwrap().size_bytes, output.size_bytes);
    let result: Value = serde_json::from_str(&completed.result.unwrap().text).unwrap();
    assert_eq!(result["columns"][0]["name"], "day");
}

#[tokio::test]
async fn broken_data_fails_its_task_for_good_and_the_worker_goes_on() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    connection.assign(vec![read_task(&bench, "a", "a,b\n1,2\n3\n").await]);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("CSV_MALFORMED", false));
    assert_eq!(failed.message, "line 3: 1 field where the header has 2");
    let mut odd = task("b", "filter", &json!({}));
    odd.config = Some(trinity_proto::common::Json::new("{"));
    connection.assign(vec![odd, task("c", "no-such-atom", &json!({}))]);
    let mut codes = vec![connection.failed().await.code, connection.failed().await.code];
    codes.sort();
    assert_eq!(codes, ["ATOM_UNKNOWN", "CONFIG_INVALID"]);
    read(&bench, &mut connection, "d").await;
}

#[tokio::test]
async fn equal_work_is_not_done_twice() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let first = read(&bench, &mut connection, "a").await;
    // What is kept does not depend on the first run's files.
    bench.storage.delete_prefix("tenant-t/project-p/pipelines/w/runs/r/outputs/a").await.unwrap();
    let second = read(&bench, &mut connection, "b").await;
    assert!(!first.cached && second.cached);
    assert_eq!(second.outputs[0].content_hash, first.outputs[0].content_hash);
    assert_eq!(second.outputs[0].storage_key, "tenant-t/project-p/pipelines/w/runs/r/outputs/b/1/data/data.parquet");
    assert_eq!(
        bench.storage.head(&second.outputs[0].storage_key).await.unwrap().size_bytes,
        first.outputs[0].size_bytes
    );
    let other = read_task(&bench, "c", "a,b\n1,x\n2,z\n").await;
    connection.assign(vec![other]);
    assert!(!connection.completed().await.cached);
}

#[tokio::test]
async fn cancelling_reaches_a_busy_query_within_a_second() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let table = read(&bench, &mut connection, "a").await.outputs.remove(0);
    let endless = endless_task("b", &table);
    connection.assign(vec![endless.clone()]);
    // Heartbeats go on while the query keeps its process busy.
    for _ in 0..5 {
        connection.heartbeat(&[&endless]).await;
    }
    let asked = Instant::now();
    connection.cancel(&endless);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("CANCELLED", false));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    read(&bench, &mut connection, "c").await;
}

#[tokio::test]
async fn a_query_beyond_its_time_is_stopped() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let table = read(&bench, &mut connection, "a").await.outputs.remove(0);
    let mut endless = endless_task("b", &table);
    endless.timeout_ms = 200;
    connection.assign(vec![endless]);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("TASK_TIMEOUT", true));
}

#[tokio::test]
async fn a_killed_process_fails_one_attempt_and_may_be_tried_again() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let table = read(&bench, &mut connection, "a").await.outputs.remove(0);
    let endless = endless_task("b", &table);
    connection.assign(vec![endless.clone()]);
    connection.heartbeat(&[&endless]).await;
    until("a child's start", || !children().is_empty()).await;
    for pid in children() {
        std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    }
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("ATOM_CRASHED", true));
    read(&bench, &mut connection, "c").await;
}

#[tokio::test]
async fn a_step_too_large_for_its_process_says_so_and_the_worker_goes_on() {
    let mut bench = Bench::start_with(|config| {
        // The engine believes in more than the process may take.
        config.memory_mib = 8 << 10;
        config.process_limit_mib = 512;
    })
    .await;
    let mut connection = bench.welcomed().await;
    let table = read(&bench, &mut connection, "a").await.outputs.remove(0);
    let query =
        "SELECT string_agg(repeat(chr(65 + CAST(value % 26 AS INT)), 1000), '') AS t FROM generate_series(1, 4000000)";
    let mut large = task("b", "sql", &json!({"query": query}));
    large.inputs = vec![as_input(&table)];
    connection.assign(vec![large]);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("OUT_OF_MEMORY", false), "{}", failed.message);
    read(&bench, &mut connection, "c").await;
}

#[tokio::test]
async fn children_end_with_the_worker() {
    let mut bench = Bench::start_with(|config| config.drain_ms = 100).await;
    let mut connection = bench.welcomed().await;
    let table = read(&bench, &mut connection, "a").await.outputs.remove(0);
    let endless = endless_task("b", &table);
    connection.assign(vec![endless.clone()]);
    connection.heartbeat(&[&endless]).await;
    bench.shutdown.cancel();
    bench.ended().await;
    until("the children's end", || children().is_empty()).await;
}
