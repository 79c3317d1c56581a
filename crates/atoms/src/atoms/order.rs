//! `sort` and `limit`: the order of rows, and some of them in order.

use serde::Deserialize;
use serde_json::json;

use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct SortConfig {
    by: Vec<By>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum By {
    Name(String),
    Column {
        column: String,
        #[serde(default)]
        descending: bool,
        #[serde(default)]
        missing_first: bool,
    },
}

pub(super) async fn sort(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: SortConfig = job.config()?;
    let frame = job.input(0).await?;
    let mut order = Vec::with_capacity(config.by.len());
    for by in &config.by {
        let (name, descending, missing_first) = match by {
            By::Name(name) => (name, false, false),
            By::Column { column, descending, missing_first } => (column, *descending, *missing_first),
        };
        types::require(frame.schema().as_arrow(), name, "by")?;
        order.push(types::column(name).sort(!descending, missing_first));
    }
    let output = output::frame(job, "data", frame.sort(order)?).await?;
    Ok(job.done(output, json!({})))
}

#[derive(Deserialize)]
struct LimitConfig {
    rows: usize,
    #[serde(default)]
    offset: usize,
}

pub(super) async fn limit(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: LimitConfig = job.config()?;
    let frame = job.input(0).await?.limit(config.offset, Some(config.rows))?;
    let output = output::frame(job, "data", frame).await?;
    Ok(job.done(output, json!({})))
}
