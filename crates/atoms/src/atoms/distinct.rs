//! `distinct`: no row twice.

use datafusion::{
    functions_window::expr_fn::row_number,
    logical_expr::{Expr, ExprFunctionExt, lit},
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::json;

use super::select::named;
use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    columns: Vec<String>,
}

/// The place of a row in its table, as a column of its own for a while.
pub(super) const ROW: &str = "__row";

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    for name in &config.columns {
        types::require(frame.schema().as_arrow(), name, "columns")?;
    }
    let distinct = if config.columns.is_empty() { frame.distinct()? } else { firsts(frame, &config.columns)? };
    let output = output::frame(job, "data", distinct).await?;
    let removed = job.rows_in() - output.rows;
    Ok(job.done(output, json!({ "rows_removed": removed })))
}

/// The first of rows that are equal in these columns. By sorting, which can use the disk for any number of rows.
fn firsts(frame: DataFrame, keys: &[String]) -> Result<DataFrame, Fault> {
    let names = names(&frame);
    let place = row_number()
        .partition_by(keys.iter().map(|name| types::column(name)).collect())
        .order_by(vec![types::column(ROW).sort(true, false)])
        .build()?;
    let numbered = numbered(frame)?.window(vec![named(place, "__place")])?;
    let firsts = numbered.filter(types::column("__place").eq(lit(1_u64)))?;
    Ok(firsts.sort(vec![types::column(ROW).sort(true, false)])?.select(names)?)
}

/// The columns of a table.
pub(super) fn names(frame: &DataFrame) -> Vec<Expr> {
    frame.schema().fields().iter().map(|field| types::column(field.name())).collect()
}

/// The table with the place of each row.
pub(super) fn numbered(frame: DataFrame) -> Result<DataFrame, Fault> {
    Ok(frame.window(vec![named(row_number(), ROW)])?)
}
