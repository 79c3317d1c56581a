//! `filter`: the rows for which an expression is true.

use serde::Deserialize;
use serde_json::json;

use crate::{Fault, Outcome, job::Job, output, sql};

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "where")]
    condition: String,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let condition = sql::expression(&job.session, &config.condition, frame.schema(), "where")?;
    let output = output::frame(job, "data", frame.filter(condition)?).await?;
    let removed = job.rows_in() - output.rows;
    Ok(job.done(output, json!({ "rows_removed": removed })))
}
