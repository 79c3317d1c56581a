//! `correlation`: how numeric columns go together, pair by pair.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::prelude::DataFrame;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use trinity_models::association::{self, Correlation, PairSums};

use super::numbers;
use crate::{Fault, Outcome, job::Job, output};

#[derive(Deserialize)]
struct Config {
    columns: Option<Vec<String>>,
    #[serde(default)]
    method: Method,
    #[serde(default = "three")]
    min_pairs: u64,
}

fn three() -> u64 {
    3
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    #[default]
    Pearson,
    Spearman,
    Kendall,
}

/// The most columns compared: their pairs are about half the square of that.
const MAX_COLUMNS: usize = 200;
/// The most values that ranks are made of, all columns together.
const MAX_RANKED: usize = 20_000_000;

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    let columns = numbers::chosen(frame.schema().as_arrow(), config.columns.as_ref(), "columns")?;
    if columns.len() > MAX_COLUMNS {
        let problem = format!("{} numeric columns are more than {MAX_COLUMNS}: name those to compare", columns.len());
        return Err(Fault::config(problem));
    }
    let pairs: Vec<(usize, usize)> =
        (0..columns.len()).flat_map(|one| (one + 1..columns.len()).map(move |other| (one, other))).collect();
    let mut found = match config.method {
        Method::Pearson => straight(job, frame, &columns, &pairs).await?,
        Method::Spearman => ranked(job, frame, &columns, &pairs, association::spearman).await?,
        Method::Kendall => ranked(job, frame, &columns, &pairs, association::kendall).await?,
    };
    for correlation in found.iter_mut().filter(|correlation| correlation.pairs < config.min_pairs) {
        (correlation.value, correlation.p) = (None, None);
    }
    let output = output::batch(job, "correlation", table(&columns, &pairs, &found)?).await?;
    Ok(job.looked(output, json!({ "columns": columns, "matrix": matrix(&columns, &pairs, &found) })))
}

/// One pass with a few sums for each pair.
async fn straight(
    job: &Job<'_>,
    frame: DataFrame,
    columns: &[String],
    pairs: &[(usize, usize)],
) -> Result<Vec<Correlation>, Fault> {
    let mut sums = vec![PairSums::default(); pairs.len()];
    let mut rows = output::rows(job, numbers::only(frame, columns)?).await?;
    while let Some(batch) = rows.next().await? {
        let columns = numbers::floats(&batch);
        for (sums, (one, other)) in sums.iter_mut().zip(pairs) {
            let mut part = PairSums::default();
            for row in 0..batch.num_rows() {
                if let (Some(x), Some(y)) = (numbers::finite(columns[*one], row), numbers::finite(columns[*other], row))
                {
                    part.push(x, y);
                }
            }
            *sums = sums.merge(part);
        }
    }
    Ok(sums.iter().map(PairSums::pearson).collect())
}

type Coefficient = fn(&[f64], &[f64]) -> Result<Correlation, trinity_models::Error>;

async fn ranked(
    job: &Job<'_>,
    frame: DataFrame,
    columns: &[String],
    pairs: &[(usize, usize)],
    coefficient: Coefficient,
) -> Result<Vec<Correlation>, Fault> {
    let values = numbers::collect(job, frame, columns, MAX_RANKED).await?;
    let mut found = Vec::with_capacity(pairs.len());
    for (one, other) in pairs {
        let both = values[*one].iter().zip(&values[*other]).filter_map(|(x, y)| (*x).zip(*y));
        let (x, y): (Vec<f64>, Vec<f64>) = both.unzip();
        found.push(coefficient(&x, &y).map_err(|error| Fault::config(error.to_string()))?);
        // Why: between two pairs a cancelled task may stop.
        tokio::task::yield_now().await;
    }
    Ok(found)
}

fn table(columns: &[String], pairs: &[(usize, usize)], found: &[Correlation]) -> Result<RecordBatch, Fault> {
    let names = |of: fn(&(usize, usize)) -> usize| -> ArrayRef {
        Arc::new(pairs.iter().map(|pair| Some(columns[of(pair)].as_str())).collect::<StringArray>())
    };
    let figures =
        |of: fn(&Correlation) -> Option<f64>| -> ArrayRef { Arc::new(found.iter().map(of).collect::<Float64Array>()) };
    let counts = found.iter().map(|correlation| i64::try_from(correlation.pairs).ok()).collect::<Int64Array>();
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("column_a", names(|pair| pair.0), false),
        ("column_b", names(|pair| pair.1), false),
        ("pairs", Arc::new(counts) as ArrayRef, true),
        ("correlation", figures(|correlation| correlation.value), true),
        ("p_value", figures(|correlation| correlation.p), true),
    ])?)
}

/// The coefficients by both names, as people draw them.
fn matrix(columns: &[String], pairs: &[(usize, usize)], found: &[Correlation]) -> Value {
    let coefficient = |one: usize, other: usize| -> Value {
        let at = pairs.iter().position(|pair| *pair == (one.min(other), one.max(other)));
        at.map_or(json!(1.0), |at| json!(found[at].value))
    };
    let row = |one: usize| -> Value {
        let cells = columns.iter().enumerate().map(|(other, name)| (name.clone(), coefficient(one, other)));
        Value::Object(cells.collect::<Map<_, _>>())
    };
    Value::Object(columns.iter().enumerate().map(|(one, name)| (name.clone(), row(one))).collect())
}
