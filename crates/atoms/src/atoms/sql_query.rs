//! `sql`: one SELECT over the inputs.

use serde::Deserialize;
use serde_json::json;

use crate::{
    Fault, Outcome,
    job::{Job, input_name},
    output, sql,
};

#[derive(Deserialize)]
struct Config {
    query: String,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    for at in 0..job.task.inputs.len() {
        let view = job.input(at).await?.into_view();
        job.session.register_table(input_name(at), view)?;
    }
    let frame = sql::query(&job.session, &config.query).await.map_err(|fault| fault.about("query"))?;
    let output = output::frame(job, "data", frame).await?;
    Ok(job.done(output, json!({})))
}
