//! `data-profiler`: a description of each column.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Fault, Outcome,
    job::Job,
    output,
    profile::{self, ColumnProfile, Quantiles},
    types,
};

#[derive(Deserialize)]
struct Config {
    columns: Option<Vec<String>>,
    #[serde(default = "ten")]
    top: usize,
    /// Parts of the histogram, which 1.0.0 does not have.
    bins: Option<usize>,
}

const USUAL_BINS: usize = 20;

fn ten() -> usize {
    10
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let mut frame = job.input(0).await?;
    if let Some(columns) = &config.columns {
        frame = types::only(frame, columns)?;
    }
    let with_histogram = job.task.version != "1.0.0";
    let bins = if with_histogram { config.bins.unwrap_or(USUAL_BINS) } else { 0 };
    let columns = profile::table(frame, config.top, bins).await?;
    let output = output::batch(job, "profile", table(&columns, with_histogram)?).await?;
    Ok(job.looked(output, json!({ "rows": job.rows_in(), "columns": columns })))
}

fn table(columns: &[ColumnProfile], with_histogram: bool) -> Result<RecordBatch, Fault> {
    let counts = |of: fn(&ColumnProfile) -> u64| -> ArrayRef {
        Arc::new(columns.iter().map(|column| i64::try_from(of(column)).ok()).collect::<Int64Array>())
    };
    let numbers = |of: fn(&ColumnProfile) -> Option<f64>| -> ArrayRef {
        Arc::new(columns.iter().map(of).collect::<Float64Array>())
    };
    let texts = |of: fn(&ColumnProfile) -> Option<String>| -> ArrayRef {
        Arc::new(columns.iter().map(of).collect::<StringArray>())
    };
    let flags = |of: fn(&ColumnProfile) -> bool| -> ArrayRef {
        Arc::new(columns.iter().map(|column| Some(of(column))).collect::<BooleanArray>())
    };
    fn quantile(column: &ColumnProfile, of: fn(&Quantiles) -> f64) -> Option<f64> {
        column.quantiles.as_ref().map(of)
    }
    let mut table = vec![
        ("column", texts(|column| Some(column.column.clone())), false),
        ("type", texts(|column| Some(column.kind.clone())), false),
        ("rows", counts(|column| column.rows), false),
        ("missing", counts(|column| column.missing), false),
        ("distinct", counts(|column| column.distinct), false),
        ("distinct_is_exact", flags(|column| column.distinct_is_exact), false),
        ("min", texts(|column| column.min.clone()), true),
        ("max", texts(|column| column.max.clone()), true),
        ("mean", numbers(|column| column.mean), true),
        ("stddev", numbers(|column| column.stddev), true),
        ("p05", numbers(|column| quantile(column, |found| found.p05)), true),
        ("p25", numbers(|column| quantile(column, |found| found.p25)), true),
        ("p50", numbers(|column| quantile(column, |found| found.p50)), true),
        ("p75", numbers(|column| quantile(column, |found| found.p75)), true),
        ("p95", numbers(|column| quantile(column, |found| found.p95)), true),
        ("quantiles_are_exact", flags(|column| column.quantiles_are_exact), false),
        ("mean_length", numbers(|column| column.mean_length), true),
        // The frequent values as JSON text: a list has no place in a flat table.
        ("top", texts(|column| serde_json::to_string(&column.top).ok()), true),
    ];
    if with_histogram {
        let histogram = |column: &ColumnProfile| serde_json::to_string(column.histogram.as_ref()?).ok();
        table.push(("histogram", texts(histogram), true));
        table.push(("histogram_is_exact", flags(|column| column.quantiles_are_exact), false));
    }
    Ok(RecordBatch::try_from_iter_with_nullable(table)?)
}
