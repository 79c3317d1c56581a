//! `missing-value-analyzer`: what is missing in each column.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray},
        datatypes::Int64Type,
    },
    functions_aggregate::expr_fn::{count, sum},
    logical_expr::{Expr, lit, when},
};
use serde::Deserialize;
use serde_json::json;

use super::select::named;
use crate::{ColumnInfo, Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    columns: Option<Vec<String>>,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let mut frame = job.input(0).await?;
    if let Some(columns) = &config.columns {
        frame = types::only(frame, columns)?;
    }
    let columns = types::columns(frame.schema().as_arrow());
    let any_missing = columns.iter().map(|column| types::column(&column.name).is_null()).reduce(Expr::or);
    let incomplete = any_missing.unwrap_or_else(|| lit(false));
    let mut figures = vec![
        named(count(lit(1_i64)), "rows"),
        named(sum(when(incomplete, lit(1_i64)).otherwise(lit(0_i64))?), "incomplete"),
    ];
    let present =
        |(at, column): (usize, &ColumnInfo)| named(count(types::column(&column.name)), &format!("present_{at}"));
    figures.extend(columns.iter().enumerate().map(present));
    let counted = frame.aggregate(vec![], figures)?.collect().await?;
    let figure = |at: usize| counted.first().map_or(0, |batch| batch.column(at).as_primitive::<Int64Type>().value(0));
    let rows = figure(0);
    // The sum over no rows is missing, and then there are no incomplete ones.
    let incomplete = if rows == 0 { 0 } else { figure(1) };
    let missing: Vec<i64> = (0..columns.len()).map(|at| rows - figure(at + 2)).collect();
    let table = table(&columns, rows, &missing)?;
    let output = output::batch(job, "missing_values", table).await?;
    let by_column = columns.iter().zip(&missing).filter(|(_, missing)| **missing > 0);
    let by_column: serde_json::Map<_, _> =
        by_column.map(|(column, missing)| (column.name.clone(), json!(missing))).collect();
    job.say("info", format!("{incomplete} of {rows} rows have a missing value"));
    Ok(job.looked(output, json!({ "rows": rows, "incomplete_rows": incomplete, "missing": by_column })))
}

fn table(columns: &[ColumnInfo], rows: i64, missing: &[i64]) -> Result<RecordBatch, Fault> {
    let percent = |missing: &i64| if rows == 0 { 0.0 } else { 100.0 * *missing as f64 / rows as f64 };
    let texts =
        |of: fn(&ColumnInfo) -> &str| Arc::new(columns.iter().map(|column| Some(of(column))).collect::<StringArray>());
    Ok(RecordBatch::try_from_iter([
        ("column", texts(|column| &column.name) as ArrayRef),
        ("type", texts(|column| &column.kind)),
        ("rows", Arc::new(Int64Array::from(vec![rows; columns.len()]))),
        ("missing", Arc::new(Int64Array::from(missing.to_vec()))),
        ("missing_percent", Arc::new(missing.iter().map(percent).map(Some).collect::<Float64Array>())),
    ])?)
}
