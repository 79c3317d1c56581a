//! `union`: tables under each other, columns matched by name.

use serde::Deserialize;
use serde_json::json;

use crate::{Fault, Outcome, job::Job, output};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    dedupe: bool,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let mut all = job.input(0).await?;
    for at in 1..job.task.inputs.len() {
        all = all.union_by_name(job.input(at).await?)?;
    }
    if config.dedupe {
        all = all.distinct()?;
    }
    let output = output::frame(job, "data", all).await?;
    Ok(job.done(output, json!({ "tables": job.task.inputs.len() })))
}
