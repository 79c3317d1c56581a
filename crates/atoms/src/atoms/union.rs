//! `union`: tables under each other, columns matched by name.

use std::collections::VecDeque;

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
    let mut tables = VecDeque::new();
    for at in 0..job.task.inputs.len() {
        tables.push_back(job.input(at).await?);
    }
    // Why in pairs: a thousand tables one under the other would make a plan too deep to walk.
    while tables.len() > 1 {
        let pairs = tables.len() / 2;
        let odd = if tables.len() % 2 == 1 { tables.pop_back() } else { None };
        for _ in 0..pairs {
            if let (Some(one), Some(other)) = (tables.pop_front(), tables.pop_front()) {
                tables.push_back(one.union_by_name(other)?);
            }
        }
        tables.extend(odd);
    }
    let Some(mut all) = tables.pop_front() else { return Err(Fault::config("there is no input")) };
    if config.dedupe {
        all = all.distinct()?;
    }
    let output = output::frame(job, "data", all).await?;
    Ok(job.done(output, json!({ "tables": job.task.inputs.len() })))
}
