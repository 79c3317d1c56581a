//! The worked example, loaded and run over HTTP as anybody would; what is there already is left alone.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use trinity_cli::workflow::WorkflowFile;
use trinity_cli::{Client, lookup, run, upload};

const PROJECT: &str = "Seattle weather";
const DATASET: &str = "seattle-weather";

/// What the example left, for the lines that `up` prints at its end.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub project_id: String,
    /// The table that the last atom wrote.
    pub result_id: String,
}

/// Loads the example below `folder` and runs it, unless it has run.
pub async fn load(client: &Client, folder: &Path) -> Result<Loaded> {
    let project_id = project(client).await?;
    dataset(client, &project_id, &folder.join("seattle-weather.csv")).await?;
    let workflow = WorkflowFile::read(&folder.join("workflow.json"))?;
    let (workflow_id, _) = workflow.apply(client, &project_id).await?;
    let run_id = match last_success(client, &workflow_id).await? {
        Some(run_id) => run_id,
        None => first_run(client, &workflow_id).await?,
    };
    let result_id = result(&run::tasks(client, &run_id).await?)?;
    Ok(Loaded { project_id, result_id })
}

async fn project(client: &Client) -> Result<String> {
    if let Some(id) = lookup::find_project(client, PROJECT).await? {
        return Ok(id);
    }
    let apps = client.page("/apps", &[]).await?.items;
    let app = apps.first().context("the tenant may use no app")?;
    let body = json!({"name": PROJECT, "app": app["slug"], "description": "The worked example"});
    let project = client.post("/projects", &body).await?;
    id_of(&project)
}

async fn dataset(client: &Client, project_id: &str, file: &Path) -> Result<()> {
    if lookup::find_dataset(client, project_id, DATASET).await?.is_none() {
        let dataset = upload::upload(client, project_id, file, Some(DATASET), |_| ()).await?;
        println!("    uploaded {DATASET}: {} rows, {} bytes", dataset["rows"], dataset["size_bytes"]);
    }
    Ok(())
}

async fn last_success(client: &Client, workflow_id: &str) -> Result<Option<String>> {
    let runs = client.page(&format!("/workflows/{workflow_id}/runs"), &[("per_page", "20")]).await?.items;
    runs.iter().find(|run| run["status"] == "succeeded").map(id_of).transpose()
}

async fn first_run(client: &Client, workflow_id: &str) -> Result<String> {
    let started = run::start(client, workflow_id, None).await?;
    let run_id = started["run_id"].as_str().context("an answer without a run")?.to_owned();
    let mut shown = BTreeMap::new();
    let ended = run::follow(client, &run_id, |tasks| tasks.iter().for_each(|task| show(&mut shown, task))).await?;
    if ended["status"] != "succeeded" {
        bail!("the worked example's run {run_id} ended {}: {}", ended["status"], ended["error"]);
    }
    println!("    run succeeded in {} ms", ended["duration_ms"]);
    prove(client).await?;
    Ok(run_id)
}

/// Prints a task's state when it is another than before.
fn show(shown: &mut BTreeMap<String, String>, task: &Value) {
    let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
    let line = match task["rows_out"].as_u64() {
        Some(rows) => format!("{} ({rows} rows)", text("status")),
        None => text("status"),
    };
    let place = text("place");
    if line != "queued" && shown.get(&place) != Some(&line) {
        println!("    {place:18} {line}");
        shown.insert(place, line);
    }
}

async fn prove(client: &Client) -> Result<()> {
    let verdict = client.post("/audit/verify", &json!({})).await?;
    ensure!(verdict["valid"] == true, "the audit chain does not hold: {verdict}");
    println!("    audit chain of {} events holds", verdict["events"]);
    Ok(())
}

/// The first table of the last task of the plan.
fn result(tasks: &[Value]) -> Result<String> {
    let last = tasks.last().context("a run without tasks")?;
    let id = last["outputs"][0]["dataset_id"].as_str();
    Ok(id.context("the last task wrote nothing")?.to_owned())
}

fn id_of(object: &Value) -> Result<String> {
    Ok(object["id"].as_str().context("an object without an id")?.to_owned())
}
