//! The worked example, from login to a verified audit trail.

use reqwest::Method;
use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};

pub const CSV: &[u8] = include_bytes!("../../examples/seattle-weather/seattle-weather.csv");
const CANVAS: &str = include_str!("../../examples/seattle-weather/workflow.json");

/// The example's canvas, reading this dataset.
pub fn canvas(dataset: &Value) -> Value {
    let mut file: Value = serde_json::from_str(CANVAS).unwrap();
    let canvas = if file["canvas"].is_object() { file["canvas"].take() } else { file };
    let mut canvas = canvas;
    canvas["molecules"][0]["atoms"][0]["config"]["dataset"] = dataset["id"].clone();
    canvas
}

/// The task of this atom.
fn of_atom<'a>(tasks: &'a [Value], atom: &str) -> &'a Value {
    tasks.iter().find(|task| task["atom"] == atom).unwrap_or_else(|| panic!("no task of {atom}"))
}

async fn preview(api: &Api, dataset: &Value) -> Value {
    api.get(&format!("/datasets/{}/preview?rows=200", dataset.as_str().unwrap())).await.data().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_runs_on_real_data_and_its_trail_verifies() {
    let installation = Installation::start().await;
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Weather").await;
    let dataset = api.upload(&project, "seattle-weather.csv", CSV.to_vec()).await;
    assert_eq!(dataset["rows"], 1461);
    assert_eq!(dataset["format"], "csv");
    let names: Vec<&str> = dataset["schema"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["date", "precipitation", "temp_max", "temp_min", "wind", "weather"]);

    let workflow = api.save(&project, "Seattle weather", canvas(&dataset)).await;
    let run = api.execute(&workflow).await;
    let ended = api.ended(&run).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_eq!(ended["workflow_version"], 1);
    assert!(ended["rows_processed"].as_u64().unwrap() >= 1461);

    let tasks = api.tasks(&run).await;
    assert_eq!(tasks.len(), 6);
    assert!(tasks.iter().all(|task| task["status"] == "completed" && task["attempt"] == 1), "{tasks:?}");
    let aggregate = &of_atom(&tasks, "aggregate")["outputs"][0]["dataset_id"];
    let table = preview(&api, aggregate).await;
    // Source: pandas 2: read_csv(...).groupby([weather, month]) gives 50 groups; January's sunny days, 2012 to 2015: 19.
    assert!(table["rows"].as_array().unwrap().len() > 40, "{}", table["rows"]);
    let parquet = api.download(&format!("/datasets/{}/content", aggregate.as_str().unwrap())).await;
    assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));

    let project_now = api.get(&format!("/projects/{project}")).await.data().clone();
    assert_eq!(project_now["state"], canvas(&dataset), "the project's canvas follows the save");
    trail_verifies(&api, &run).await;
}

async fn trail_verifies(api: &Api, run: &str) {
    let wanted = ["project.create", "dataset.upload", "workflow.save", "run.start", "run.succeed", "auth.login"];
    let deadline = std::time::Duration::from_secs(20);
    trinity_testkit::eventually(deadline, "every act in the trail", || async {
        let answer = api.get("/audit/events?per_page=100").await;
        let actions: Vec<String> = answer
            .data()
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["action"].as_str().unwrap().to_owned())
            .collect();
        wanted.iter().all(|action| actions.iter().any(|have| have == action)).then_some(())
    })
    .await;
    let of_run = api.get(&format!("/audit/events?object_id={run}")).await;
    assert_eq!(of_run.data().as_array().unwrap().len(), 2);
    let verified = api.post("/audit/verify", json!({})).await;
    assert_eq!(verified.data()["valid"], true, "{}", verified.body);
    assert!(verified.data()["events"].as_u64().unwrap() >= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canvas_of_100_kb_survives_a_round_trip() {
    let installation = Installation::start().await;
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Big").await;
    let notes: Vec<String> = (0..2_000)
        .map(|n| format!(r#"{{"z":{n},"a":12345678901234567890{n},"m":0.10,"text":"ünï \u0041 {n}"}}"#))
        .collect();
    let canvas = format!(
        r#"{{"zeta":1,"molecules":[{{"id":"m","type":"Utility","atoms":[{{"id":"a","atom":"noop","config":{{}}}}]}}],"connections":[],"notes":[{}],"alpha":2}}"#,
        notes.join(",")
    );
    assert!(canvas.len() > 100_000);
    let body = format!(r#"{{"project_id":"{project}","name":"Big","canvas":{canvas}}}"#);
    let saved = api.raw(Method::POST, "/workflows/save", "application/json", body.into_bytes()).await;
    let workflow = saved.data()["workflow"]["id"].as_str().unwrap().to_owned();
    let text = String::from_utf8(api.download(&format!("/workflows/{workflow}")).await).unwrap();
    assert!(text.contains(&canvas), "the canvas comes back byte for byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_process_drains_on_sigterm() {
    let mut installation = Installation::start().await;
    let names: Vec<&str> = installation.processes.keys().copied().collect();
    for name in names {
        assert_eq!(installation.process(name).terminate(), Some(0), "{name}: {}", installation.process(name).log());
    }
}
