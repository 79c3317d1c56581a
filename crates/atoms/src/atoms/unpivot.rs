//! `unpivot`: columns as rows of a name and a value.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::arrow::{
    array::{Array, ArrayRef, RecordBatch, StringViewArray, UInt64Array},
    compute::{cast, concat, filter_record_batch, is_not_null, take},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use serde::Deserialize;
use serde_json::json;

use super::select::check_unique;
use crate::{ColumnLineage, Fault, Outcome, cells::BATCH_ROWS, job::Job, lineage, output, types};

#[derive(Deserialize)]
struct Config {
    columns: Option<Vec<String>>,
    keep: Option<Vec<String>>,
    #[serde(default = "column")]
    name: String,
    #[serde(default = "value")]
    value: String,
    #[serde(default)]
    drop_missing: bool,
}

fn column() -> String {
    "column".to_owned()
}

fn value() -> String {
    "value".to_owned()
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = types::normalize(job.input(0).await?)?;
    let before = frame.schema().as_arrow().clone();
    let (kept, turned) = places(&config, &before)?;
    let kept_fields = kept.iter().map(|at| before.field(*at).clone());
    let kind = common_type(turned.iter().map(|at| before.field(*at).data_type()));
    let new = [Field::new(&config.name, DataType::Utf8View, false), Field::new(&config.value, kind.clone(), true)];
    let after: SchemaRef = Arc::new(Schema::new(kept_fields.chain(new).collect::<Vec<_>>()));
    check_unique(after.fields().iter().map(|field| field.name().as_str()))?;
    let lineage = sources(&lineage::columns(frame.logical_plan(), job.task), &kept, &turned, &config);
    let names = turned.iter().map(|at| before.field(*at).name().clone()).collect();
    let turner = Turner { kept, turned, names, kind, schema: after.clone(), drop_missing: config.drop_missing };
    let output = output::reshaped(job, "data", frame, (after, lineage), Box::new(move |batch| turner.batch(&batch)));
    let output = output.await?;
    Ok(job.done(output, json!({})))
}

/// Places of the columns that are kept, and of those that become rows.
fn places(config: &Config, schema: &Schema) -> Result<(Vec<usize>, Vec<usize>), Fault> {
    let find = |names: &[String], place: &str| -> Result<Vec<usize>, Fault> {
        names.iter().map(|name| types::require(schema, name, place).and_then(|()| Ok(schema.index_of(name)?))).collect()
    };
    let others = |known: &[usize]| (0..schema.fields().len()).filter(|at| !known.contains(at)).collect::<Vec<_>>();
    let (kept, turned) = match (&config.keep, &config.columns) {
        (Some(keep), Some(columns)) => (find(keep, "keep")?, find(columns, "columns")?),
        (Some(keep), None) => {
            let kept = find(keep, "keep")?;
            let turned = others(&kept);
            (kept, turned)
        }
        (None, columns) => {
            let turned = find(columns.as_deref().unwrap_or_default(), "columns")?;
            (others(&turned), turned)
        }
    };
    if turned.is_empty() {
        return Err(Fault::config("columns: no column is left to become rows"));
    }
    Ok((kept, turned))
}

/// One type for all: their own, float64 for numbers of several kinds, else text.
fn common_type<'a>(mut types: impl Iterator<Item = &'a DataType>) -> DataType {
    let Some(first) = types.next() else { return DataType::Utf8View };
    types.fold(first.clone(), |common, next| match (&common, next) {
        (one, other) if one == other => common,
        (one, other) if one.is_numeric() && other.is_numeric() => DataType::Float64,
        _ => DataType::Utf8View,
    })
}

fn sources(before: &[ColumnLineage], kept: &[usize], turned: &[usize], config: &Config) -> Vec<ColumnLineage> {
    let of_value = turned.iter().flat_map(|at| before[*at].sources.clone()).collect::<BTreeSet<_>>();
    let kept = kept.iter().map(|at| before[*at].clone());
    let new = [
        ColumnLineage { column: config.name.clone(), sources: Vec::new() },
        ColumnLineage { column: config.value.clone(), sources: of_value.into_iter().collect() },
    ];
    kept.chain(new).collect()
}

struct Turner {
    kept: Vec<usize>,
    turned: Vec<usize>,
    names: Vec<String>,
    kind: DataType,
    schema: SchemaRef,
    drop_missing: bool,
}

impl Turner {
    /// The rows of a batch, each as many times as there are columns to turn; in parts, so that none grows large.
    fn batch(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>, Fault> {
        let step = (BATCH_ROWS / self.turned.len()).max(1);
        (0..batch.num_rows())
            .step_by(step)
            .map(|from| self.part(&batch.slice(from, step.min(batch.num_rows() - from))))
            .collect()
    }

    fn part(&self, batch: &RecordBatch) -> Result<RecordBatch, Fault> {
        let (rows, times) = (batch.num_rows() as u64, self.turned.len() as u64);
        let repeated: UInt64Array = (0..rows).flat_map(|row| (0..times).map(move |_| row)).collect();
        let across: UInt64Array = (0..rows).flat_map(|row| (0..times).map(move |column| column * rows + row)).collect();
        let mut columns: Vec<ArrayRef> =
            self.kept.iter().map(|at| take(batch.column(*at), &repeated, None)).collect::<Result<_, _>>()?;
        let turned = self.turned.iter().map(|at| cast(batch.column(*at), &self.kind));
        let turned: Vec<ArrayRef> = turned.collect::<Result<_, _>>()?;
        let values = concat(&turned.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
        let names: StringViewArray = (0..rows).flat_map(|_| self.names.iter().map(Some)).collect();
        columns.extend([Arc::new(names) as ArrayRef, take(&values, &across, None)?]);
        let part = RecordBatch::try_new(self.schema.clone(), columns)?;
        if !self.drop_missing {
            return Ok(part);
        }
        let there = is_not_null(part.column(part.num_columns() - 1))?;
        Ok(filter_record_batch(&part, &there)?)
    }
}
