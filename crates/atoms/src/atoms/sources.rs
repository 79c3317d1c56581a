//! Lineage of tables that are calculated from columns of the first input, not queried.

use datafusion::arrow::array::RecordBatch;

use crate::{ColumnLineage, ColumnSource, Fault, OutputTable, job::Job, output::Table};

/// Writes rows that are in memory; a column comes from those that `sources` says.
pub(super) async fn batch(
    job: &Job<'_>,
    name: &str,
    batch: RecordBatch,
    sources: impl Fn(&str) -> Vec<String>,
) -> Result<OutputTable, Fault> {
    let schema = batch.schema();
    let lineage = schema.fields().iter().map(|field| {
        let from = sources(field.name()).into_iter().map(|column| ColumnSource { input: 0, column });
        ColumnLineage { column: field.name().clone(), sources: from.collect() }
    });
    let lineage = lineage.collect();
    let mut table = Table::start(job, name, schema).await?;
    table.write(&batch).await?;
    table.finish(job, lineage).await
}
