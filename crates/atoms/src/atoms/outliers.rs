//! `outliers`: values far from the others, counted, and their rows flagged or removed.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray},
        datatypes::Int64Type,
    },
    functions_aggregate::expr_fn::sum,
    logical_expr::{Expr, lit, when},
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::{Map, json};

use super::{
    limits::{self, Limits, Method},
    numbers,
    select::named,
};
use crate::{Fault, Outcome, job::Job, output, types};

#[derive(Deserialize)]
struct Config {
    columns: Option<Vec<String>>,
    #[serde(default)]
    method: Method,
    threshold: Option<f64>,
    #[serde(default)]
    action: Action,
    #[serde(default = "is_outlier")]
    flag_column: String,
}

fn is_outlier() -> String {
    "is_outlier".to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Flag,
    Remove,
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let schema = frame.schema().as_arrow().clone();
    let columns = numbers::chosen(&schema, config.columns.as_ref(), "columns")?;
    if config.action == Action::Flag && schema.column_with_name(&config.flag_column).is_some() {
        let problem = format!("flag_column: the table has a column \"{}\" already", config.flag_column);
        return Err(Fault::config(problem));
    }
    let limits = limits::find(job, &frame, &columns, config.method, config.threshold).await?;
    let counts = count(&frame, &limits).await?;
    let any = limits.iter().map(Limits::outside).reduce(Expr::or).unwrap_or_else(|| lit(false));
    let frame = match config.action {
        Action::Remove => frame.filter(!any)?,
        Action::Flag => {
            let columns = schema.fields().iter().map(|field| types::column(field.name()));
            frame.select(columns.chain([named(any, &config.flag_column)]).collect::<Vec<_>>())?
        }
    };
    let data = output::frame(job, "data", frame).await?;
    let report = output::batch(job, "outliers", table(&limits, &counts)?).await?;
    let found: Map<_, _> = limits.iter().zip(&counts).map(|(at, count)| (at.column.clone(), json!(count))).collect();
    let removed = job.rows_in() - data.rows;
    job.say("info", format!("{} outliers in {} columns", counts.iter().sum::<i64>(), columns.len()));
    let result = json!({ "method": config.method.word(), "outliers": found, "rows_removed": removed });
    Ok(Outcome { rows_in: job.rows_in(), rows_out: data.rows, outputs: vec![data, report], result })
}

async fn count(frame: &DataFrame, limits: &[Limits]) -> Result<Vec<i64>, Fault> {
    let mut figures = Vec::with_capacity(limits.len());
    for (at, limits) in limits.iter().enumerate() {
        let one = when(limits.outside(), lit(1_i64)).otherwise(lit(0_i64))?;
        figures.push(named(sum(one), &format!("count_{at}")));
    }
    let counted = frame.clone().aggregate(vec![], figures)?.collect().await?;
    let figure = |at: usize| {
        let batch = counted.iter().find(|batch| batch.num_rows() > 0);
        // The sum over no rows is missing, stored as 0 under its mark.
        batch.map_or(0, |batch| batch.column(at).as_primitive::<Int64Type>().iter().next().flatten().unwrap_or(0))
    };
    Ok((0..limits.len()).map(figure).collect())
}

fn table(limits: &[Limits], counts: &[i64]) -> Result<RecordBatch, Fault> {
    let ends = |of: fn((f64, f64)) -> f64| -> ArrayRef {
        Arc::new(limits.iter().map(|limits| limits.range.map(of)).collect::<Float64Array>())
    };
    let percent = limits.iter().zip(counts).map(|(limits, count)| match limits.values {
        0 => Some(0.0),
        values => Some(100.0 * *count as f64 / values as f64),
    });
    let values = limits.iter().map(|limits| i64::try_from(limits.values).ok());
    Ok(RecordBatch::try_from_iter_with_nullable([
        (
            "column",
            Arc::new(limits.iter().map(|limits| Some(limits.column.as_str())).collect::<StringArray>()) as ArrayRef,
            false,
        ),
        ("values", Arc::new(values.collect::<Int64Array>()) as ArrayRef, true),
        ("outliers", Arc::new(Int64Array::from(counts.to_vec())) as ArrayRef, false),
        ("percent", Arc::new(percent.collect::<Float64Array>()) as ArrayRef, true),
        ("lower", ends(|range| range.0), true),
        ("upper", ends(|range| range.1), true),
        (
            "limits_are_exact",
            Arc::new(limits.iter().map(|limits| Some(limits.exact)).collect::<BooleanArray>()) as ArrayRef,
            false,
        ),
    ])?)
}
