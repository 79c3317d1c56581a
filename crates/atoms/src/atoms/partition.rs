//! `partition`: a table for each value of a column, written one after the other from rows in the column's order.

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        compute,
        datatypes::DataType,
    },
    common::ScalarValue,
    prelude::DataFrame,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::distinct::{ROW, names, numbered};
use crate::{
    Fault, Outcome, OutputTable,
    job::Job,
    output::{self, Rows, Table},
    types,
};

#[derive(Deserialize)]
struct Config {
    by: String,
    #[serde(default = "thousand")]
    max: usize,
}

fn thousand() -> usize {
    1_000
}

pub(super) async fn run(job: &Job<'_>) -> Result<Outcome, Fault> {
    let config: Config = job.config()?;
    let frame = job.input(0).await?;
    types::require(frame.schema().as_arrow(), &config.by, "by")?;
    check_count(&config, &frame).await?;
    let columns = names(&frame);
    let order = vec![types::column(&config.by).sort(true, false), types::column(ROW).sort(true, false)];
    let sorted = numbered(frame)?.sort(order)?.select(columns)?;
    let rows = output::rows(job, sorted).await?;
    let mut writer = Writer { job, at: rows.schema.index_of(&config.by)?, rows, current: None, done: Vec::new() };
    while let Some(batch) = writer.rows.next().await? {
        writer.take(&batch).await?;
    }
    writer.finish().await?;
    let part = |(value, output): &(ScalarValue, OutputTable)| {
        Ok(json!({ "value": shown(value)?, "output": output.name, "rows": output.rows }))
    };
    let parts = writer.done.iter().map(part).collect::<Result<Vec<_>, Fault>>()?;
    job.say("info", format!("{} tables, one for each value of {}", parts.len(), config.by));
    let outputs = writer.done.into_iter().map(|(_, output)| output).collect();
    let result = json!({ "by": config.by, "partitions": parts });
    Ok(Outcome { rows_in: job.rows_in(), rows_out: job.rows_in(), outputs, result })
}

/// Why before all else: too many values are found out before the first table is written.
async fn check_count(config: &Config, frame: &DataFrame) -> Result<(), Fault> {
    let values = frame.clone().aggregate(vec![types::column(&config.by)], vec![])?;
    let values = values.limit(0, Some(config.max + 1))?.count().await?;
    if values > config.max {
        let problem = format!("by: {} has more than {} different values, which is max", config.by, config.max);
        return Err(Fault::config(problem));
    }
    Ok(())
}

/// Writes one table at a time.
struct Writer<'a, 'job> {
    job: &'a Job<'job>,
    rows: Rows,
    /// The place of the column.
    at: usize,
    current: Option<(ScalarValue, Table)>,
    done: Vec<(ScalarValue, OutputTable)>,
}

impl Writer<'_, '_> {
    async fn take(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let column: ArrayRef = batch.column(self.at).clone();
        for range in compute::partition(std::slice::from_ref(&column))?.ranges() {
            let value = ScalarValue::try_from_array(&column, range.start)?;
            if self.current.as_ref().is_none_or(|(current, _)| *current != value) {
                self.finish().await?;
                let name = format!("part-{:04}", self.done.len() + 1);
                let table = Table::start(self.job, &name, self.rows.schema.clone()).await?;
                self.current = Some((value, table));
            }
            if let Some((_, table)) = &mut self.current {
                table.write(&batch.slice(range.start, range.len())).await?;
            }
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Fault> {
        if let Some((value, table)) = self.current.take() {
            self.done.push((value, table.finish(self.job, self.rows.lineage.clone()).await?));
        }
        Ok(())
    }
}

/// A value as JSON has it; what JSON has no form for, as text.
fn shown(value: &ScalarValue) -> Result<Value, Fault> {
    Ok(match value {
        value if value.is_null() => Value::Null,
        ScalarValue::Boolean(Some(value)) => json!(value),
        ScalarValue::Int64(Some(value)) => json!(value),
        ScalarValue::Float64(Some(value)) if value.is_finite() => json!(value),
        other => json!(other.cast_to(&DataType::Utf8)?.to_string()),
    })
}
