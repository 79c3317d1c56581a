//! A description of every column of a table in one pass, with bounded memory.
//!
//! Counts, ranges and moments are exact. Distinct counts, quantiles and frequent values are exact for small columns
//! and sketched beyond; each says which it is. Partitions are described by themselves and then merged in order.

mod column;
mod frequent;
mod moments;
mod sketch;

use datafusion::{
    arrow::datatypes::{FieldRef, SchemaRef},
    common::runtime::SpawnedTask,
    execution::SendableRecordBatchStream,
    physical_plan::execute_stream_partitioned,
    prelude::DataFrame,
};
use futures::StreamExt;
use serde::Serialize;
use std::sync::Arc;

use crate::{Fault, fault::code, types};
use column::Describer;
pub(crate) use sketch::scramble;

/// What is known of one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ColumnProfile {
    pub column: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub rows: u64,
    pub missing: u64,
    /// Numbers that are not a number; they count in no other figure.
    pub not_a_number: u64,
    pub distinct: u64,
    pub distinct_is_exact: bool,
    pub min: Option<String>,
    pub max: Option<String>,
    pub mean: Option<f64>,
    /// Of a sample (divided by n - 1).
    pub stddev: Option<f64>,
    pub quantiles: Option<Quantiles>,
    pub quantiles_are_exact: bool,
    /// Parts of equal width from the least to the greatest number; exact when the quantiles are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Vec<Bin>>,
    /// Most frequent first.
    pub top: Vec<Frequency>,
    pub top_is_exact: bool,
    /// Of text, in characters.
    pub mean_length: Option<f64>,
    pub longest: Option<u64>,
}

/// Values below which a part of the column lies, interpolated linearly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Quantiles {
    pub p05: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p95: f64,
}

/// How many values lie in a range; the last one holds its upper end too.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Bin {
    pub from: f64,
    pub to: f64,
    pub count: u64,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Frequency {
    pub value: String,
    pub count: u64,
}

/// Describes the columns of a table, with so many frequent values and parts of the histogram.
pub(crate) async fn table(frame: DataFrame, top: usize, bins: usize) -> Result<Vec<ColumnProfile>, Fault> {
    let frame = types::normalize(frame)?;
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let task = Arc::new(frame.task_ctx());
    let streams = execute_stream_partitioned(frame.create_physical_plan().await?, task)?;
    let mut columns: Vec<Vec<Describer>> = schema.fields().iter().map(|_| Vec::new()).collect();
    let parts: Vec<_> = streams.into_iter().map(|stream| SpawnedTask::spawn(part(schema.clone(), stream))).collect();
    for part in parts {
        columns.iter_mut().zip(joined(part).await??).for_each(|(column, part)| column.push(part));
    }
    let finished = |(parts, field): (Vec<Describer>, &FieldRef)| {
        let none = Describer::new(field);
        SpawnedTask::spawn(async move { parts.into_iter().reduce(Describer::merge).unwrap_or(none).finish(top, bins) })
    };
    let columns: Vec<_> = columns.into_iter().zip(schema.fields()).map(finished).collect();
    let mut profiles = Vec::with_capacity(columns.len());
    for column in columns {
        profiles.push(joined(column).await?);
    }
    Ok(profiles)
}

async fn joined<T: 'static>(task: SpawnedTask<T>) -> Result<T, Fault> {
    task.await.map_err(|_| Fault::passing(code::INTERNAL, "describing the table broke off"))
}

fn empty(schema: &SchemaRef) -> Vec<Describer> {
    schema.fields().iter().map(|field| Describer::new(field)).collect()
}

async fn part(schema: SchemaRef, mut stream: SendableRecordBatchStream) -> Result<Vec<Describer>, Fault> {
    let mut columns = empty(&schema);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        for (column, array) in columns.iter_mut().zip(batch.columns()) {
            column.take(array)?;
        }
    }
    Ok(columns)
}
