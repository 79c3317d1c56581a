//! `sort` and `limit`: the order of rows, and some of them in order.

use datafusion::{arrow::datatypes::Schema, logical_expr::SortExpr};
use serde::Deserialize;
use serde_json::json;

use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct SortConfig {
    by: Vec<By>,
}

/// A column to order by.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum By {
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
    let order = order(&config.by, frame.schema().as_arrow(), "by")?;
    let output = output::frame(job, "data", frame.sort(order)?).await?;
    Ok(job.done(output, json!({})))
}

/// The order as the engine has it; `place` says where in the config it stands.
pub(super) fn order(by: &[By], schema: &Schema, place: &str) -> Result<Vec<SortExpr>, Fault> {
    let sort = |by: &By| {
        let (name, descending, missing_first) = match by {
            By::Name(name) => (name, false, false),
            By::Column { column, descending, missing_first } => (column, *descending, *missing_first),
        };
        types::require(schema, name, place)?;
        Ok(types::column(name).sort(!descending, missing_first))
    };
    by.iter().map(sort).collect()
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
