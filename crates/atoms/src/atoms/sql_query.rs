//! `sql`: one SELECT over the inputs.

use datafusion::common::TableReference;
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
    /// What the inputs are called, in order.
    #[serde(default)]
    inputs: Vec<String>,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let names = names(&config.inputs, job.task.inputs.len())?;
    for (at, name) in names.into_iter().enumerate() {
        let view = job.input(at).await?.into_view();
        // A quoted name is taken as it stands.
        job.session.register_table(TableReference::bare(name), view)?;
    }
    let frame = sql::query(&job.session, &config.query).await.map_err(|fault| fault.about("query"))?;
    let output = output::frame(job, "data", frame).await?;
    Ok(job.done(output, json!({})))
}

/// The inputs' names: those given, and input, input_2 and so on by place for the rest.
fn names(given: &[String], inputs: usize) -> Result<Vec<String>, Fault> {
    if given.len() > inputs {
        return Err(Fault::config(format!("inputs: {} names for {inputs} inputs", given.len())));
    }
    let names: Vec<String> = (0..inputs).map(|at| given.get(at).cloned().unwrap_or_else(|| input_name(at))).collect();
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, twice)) => Err(Fault::config(format!("inputs: two inputs are called {twice}"))),
        None => Ok(names),
    }
}
