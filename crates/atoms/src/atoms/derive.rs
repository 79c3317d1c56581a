//! `derive`: columns computed from others, beside those that are there.

use datafusion::{logical_expr::Expr, prelude::DataFrame};
use serde::Deserialize;
use serde_json::json;

use super::select::named;
use crate::{Fault, Outcome, job::Job, output, sql, types};

#[derive(Deserialize)]
struct Config {
    columns: Vec<New>,
}

#[derive(Deserialize)]
struct New {
    #[serde(rename = "as")]
    name: String,
    expression: String,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let mut frame = job.input(0).await?;
    let mut pending: Vec<(&str, Expr)> = Vec::new();
    for (at, new) in config.columns.iter().enumerate() {
        // Why: a step for each column would make a deep plan; one is needed only where a column builds on another.
        if pending.iter().any(|(name, _)| *name == new.name || new.expression.contains(name)) {
            frame = with(frame, std::mem::take(&mut pending))?;
        }
        let place = format!("columns/{at}/expression");
        pending.push((&new.name, sql::expression(&job.session, &new.expression, frame.schema(), &place)?));
    }
    let output = output::frame(job, "data", with(frame, pending)?).await?;
    Ok(job.done(output, json!({ "derived": config.columns.len() })))
}

/// The table with these columns, each in the place of one of its name or behind all others.
fn with(frame: DataFrame, mut new: Vec<(&str, Expr)>) -> Result<DataFrame, Fault> {
    let mut columns = Vec::new();
    for field in frame.schema().fields() {
        let replaced = new.iter().position(|(name, _)| name == field.name()).map(|at| new.remove(at).1);
        columns.push(named(replaced.unwrap_or_else(|| types::column(field.name())), field.name()));
    }
    columns.extend(new.into_iter().map(|(name, value)| named(value, name)));
    Ok(frame.select(columns)?)
}
