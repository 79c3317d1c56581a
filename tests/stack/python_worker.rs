//! The worker in Python, `examples/python-worker`, beside the built-in one: its work, its faults, and its connection.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};
use trinity_storage::Storage;
use trinity_testkit::TestS3;

const DEADLINE: Duration = Duration::from_secs(60);
const NAME: &str = "python-worker";

/// The example's folder, and that of its environment.
fn folders() -> (PathBuf, PathBuf) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let (example, folder) = (root.join("examples/python-worker"), root.join("target/python-worker"));
    assert!(folder.join("version").exists(), "run {}/setup.sh first: make test does", example.display());
    (example, folder)
}

/// An installation with the worker connected, and somebody who uses it.
async fn bench() -> (Installation, Api, String) {
    let (example, folder) = folders();
    let mut installation = Installation::start().await;
    let own = [
        ("TRINITY_WORKER_NAME", NAME.to_owned()),
        ("TRINITY_PYTHON_FOLDER", folder.display().to_string()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ];
    installation.start_worker(NAME, example.join("run.sh"), &own);
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Scores").await;
    (installation, api, project)
}

/// A canvas of one molecule: a file read, then handlers one after the other.
async fn saved(api: &Api, project: &str, csv: &str, handlers: &[(&str, Value)]) -> String {
    let dataset = api.upload(project, "data.csv", csv.as_bytes().to_vec()).await;
    let mut atoms = vec![json!({"id": "read", "atom": "csv-reader", "config": {"dataset": dataset["id"]}})];
    for (handler, settings) in handlers {
        let config = json!({"worker": "python", "handler": handler, "settings": settings});
        atoms.push(json!({"id": handler, "atom": "remote", "config": config, "retries": 0}));
    }
    let canvas = json!({"molecules": [{"id": "m", "type": "Explore", "atoms": atoms}], "connections": []});
    api.save(project, handlers[0].0, canvas).await
}

async fn task_of(api: &Api, run: &str, place: &str) -> Value {
    let tasks = api.tasks(run).await;
    let found = tasks.iter().find(|task| task["atom"] == "remote" && task.to_string().contains(place));
    found.unwrap_or_else(|| panic!("no task {place}: {tasks:?}")).clone()
}

/// Waits until a handler says something, and so is under way.
async fn says(api: &Api, run: &str, words: &str) {
    trinity_testkit::eventually(DEADLINE, words, || async {
        let logs = api.get(&format!("/runs/{run}/logs")).await;
        logs.body.to_string().contains(words).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_in_python_does_the_work_of_its_label() {
    let (mut installation, api, project) = bench().await;
    let csv = "n,wind,note\n1,1,Fog and rain\n2,2,rain\n3,3,\n4,4,FOG\n5,10,sun\n6,,sun\n7,7,Sun\n";
    let zscore = json!({"column": "wind", "window": 3, "as": "score"});
    let handlers = [("rolling-zscore", zscore), ("tokens", json!({"column": "note"}))];
    let workflow = saved(&api, &project, csv, &handlers).await;
    let run = api.execute(&workflow).await;
    let ended = api.ended(&run).await;
    let log = installation.process(NAME).log();
    assert_eq!(ended["status"], "succeeded", "{ended} {log}");

    let task = task_of(&api, &run, "rolling-zscore").await;
    assert_eq!((&task["rows_in"], &task["rows_out"]), (&json!(7), &json!(7)));
    let table = preview(&api, &task).await;
    let columns: Vec<&str> = table["columns"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(columns, ["n", "wind", "note", "score"]);
    let scores: Vec<Option<f64>> = table["rows"].as_array().unwrap().iter().map(|row| row["score"].as_f64()).collect();
    // Source: pandas 2: s.dropna(), then (s - s.rolling(3).mean()) / s.rolling(3).std().
    let expected = [None, None, Some(1.0), Some(1.0), Some(1.144_586_178_223_310_9), None, Some(0.0)];
    let is_near = |(one, other): (&Option<f64>, &Option<f64>)| match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-12,
        (one, other) => one == other,
    };
    assert!(scores.len() == expected.len() && scores.iter().zip(&expected).all(is_near), "{scores:?}");

    let words = preview(&api, &task_of(&api, &run, "tokens").await).await;
    let first = json!({"token": "sun", "count": 3});
    assert_eq!(words["rows"][0], first, "{words}");
    says(&api, &run, "scored 7 rows over windows of 3").await;
    assert_eq!(installation.process(NAME).terminate(), Some(0), "{}", installation.process(NAME).log());
}

async fn preview(api: &Api, task: &Value) -> Value {
    let dataset = task["outputs"][0]["dataset_id"].as_str().unwrap_or_else(|| panic!("no dataset: {task}"));
    api.get(&format!("/datasets/{dataset}/preview?rows=20")).await.data().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_handler_refuses_is_told_and_what_is_cancelled_stops() {
    let (_installation, api, project) = bench().await;
    let csv = "n,wind\n1,1\n2,2\n";
    let refused = [("rolling-zscore", json!({"column": "gust", "window": 3}))];
    let workflow = saved(&api, &project, csv, &refused).await;
    let ended = api.ended(&api.execute(&workflow).await).await;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert_eq!(ended["error"]["code"], "CONFIG_INVALID", "{ended}");
    assert!(ended["error"]["message"].as_str().unwrap().contains("no column 'gust'"), "{ended}");

    let workflow = saved(&api, &project, csv, &[("pause", json!({"seconds": 3_600}))]).await;
    let run = api.execute(&workflow).await;
    says(&api, &run, "pausing for 3600 s").await;
    let asked = Instant::now();
    api.post(&format!("/runs/{run}/cancel"), json!({})).await.data();
    let ended = api.ended(&run).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    // A second is promised; a busy machine is forgiven a few.
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_loses_no_result() {
    let (mut installation, api, project) = bench().await;
    let workflow = saved(&api, &project, "n\n1\n2\n", &[("pause", json!({"seconds": 2}))]).await;
    let run = api.execute(&workflow).await;
    says(&api, &run, "pausing for 2 s").await;
    installation.process("orchestration").kill();
    installation.process("orchestration").start();
    let ended = api.ended(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended} {}", installation.process(NAME).log());
    assert_eq!(task_of(&api, &run, "pause").await["attempt"], 1, "the worker kept its task and its result");
}

/// What the worker does with the store, by hand.
const STORE: &str = r#"
from trinity_worker.settings import Settings
from trinity_worker.store import Store

settings = Settings.from_environment()
store = Store(settings.storage_url, settings.storage)
assert store.open("tenant-t/table/data.parquet").read() == b"PAR1"
store.put_text("tenant-t/out/schema.json", "{}")
try:
    store.open("tenant-t/none")
except FileNotFoundError:
    print("done", settings)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn its_files_lie_in_a_bucket_as_well() {
    let (example, folder) = folders();
    let server = TestS3::start();
    let storage = Storage::open_with(&server.url(), &server.settings()).unwrap();
    storage.put_bytes("tenant-t/table/data.parquet", "PAR1").await.unwrap();
    let output = Command::new(folder.join("venv/bin/python"))
        .args(["-c", STORE])
        .env_clear()
        .envs(server.variables())
        .env("PYTHONPATH", &example)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TRINITY_WORKER_STORAGE_URL", server.url())
        .env("TRINITY_PEERS_ORCHESTRATION", "http://127.0.0.1:1")
        .env("TRINITY_SERVICE_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.starts_with("done"), "{said}");
    assert!(!said.contains("throw-away bucket") && !said.contains("AAAA"), "settings show no secrets: {said}");
    assert_eq!(storage.read("tenant-t/out/schema.json").await.unwrap(), "{}");
    assert_eq!(server.unfinished_uploads(), Vec::<String>::new());
}
