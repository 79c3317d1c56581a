//! Tables written to the object store: Parquet with its schema and its story beside it, whole or not at all.

use std::{collections::BTreeMap, sync::Arc};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    physical_plan::execute_stream,
    prelude::DataFrame,
};
use futures::{StreamExt, stream::BoxStream};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};
use trinity_storage::{Storage, layout};

use crate::{
    ColumnLineage, Fault, Format, OutputTable, clock,
    encoder::Encoder,
    fault::code,
    job::{Job, input_name},
    lineage, parts, types,
};

/// Batches read ahead of the writer, so that reading and writing overlap.
const BATCHES_AHEAD: usize = 4;

/// Changes rows on their way to the file.
pub(crate) type Map = Box<dyn FnMut(RecordBatch) -> Result<Vec<RecordBatch>, Fault> + Send>;

/// Writes what a query gives; a session without parallel work keeps the order of the input.
pub(crate) async fn frame(job: &Job<'_>, name: &str, frame: DataFrame) -> Result<OutputTable, Fault> {
    written(job, name, rows(job, frame).await?).await
}

/// Writes what a query gives, rows changed on their way but not the columns.
pub(crate) async fn mapped(job: &Job<'_>, name: &str, frame: DataFrame, map: Map) -> Result<OutputTable, Fault> {
    written(job, name, started(job, frame, None, map).await?).await
}

/// Writes what a query gives, rows and columns changed on their way.
pub(crate) async fn reshaped(
    job: &Job<'_>,
    name: &str,
    frame: DataFrame,
    shape: (SchemaRef, Vec<ColumnLineage>),
    map: Map,
) -> Result<OutputTable, Fault> {
    written(job, name, started(job, frame, Some(shape), map).await?).await
}

/// Writes rows that are already in memory.
pub(crate) async fn batch(job: &Job<'_>, name: &str, batch: RecordBatch) -> Result<OutputTable, Fault> {
    let mut table = Table::start(job, name, batch.schema()).await?;
    table.write(&batch).await?;
    table.finish(job, Vec::new()).await
}

async fn written(job: &Job<'_>, name: &str, mut rows: Rows) -> Result<OutputTable, Fault> {
    let mut table = Table::start(job, name, rows.schema.clone()).await?;
    while let Some(batch) = rows.next().await? {
        table.write(&batch).await?;
    }
    table.finish(job, rows.lineage).await
}

/// The rows of a query, which is being executed.
pub(crate) struct Rows {
    pub schema: SchemaRef,
    pub lineage: Vec<ColumnLineage>,
    batches: mpsc::Receiver<Result<RecordBatch, Fault>>,
    /// Why a set: dropping it stops the reading when the writing fails or the task is cancelled.
    _reading: JoinSet<()>,
}

/// Begins to execute a query.
pub(crate) async fn rows(job: &Job<'_>, frame: DataFrame) -> Result<Rows, Fault> {
    started(job, frame, None, Box::new(|batch| Ok(vec![batch]))).await
}

async fn started(
    job: &Job<'_>,
    frame: DataFrame,
    shape: Option<(SchemaRef, Vec<ColumnLineage>)>,
    map: Map,
) -> Result<Rows, Fault> {
    let frame = types::normalize(frame)?;
    let (schema, lineage) = shape.unwrap_or_else(|| {
        (Arc::new(frame.schema().as_arrow().clone()), lineage::columns(frame.logical_plan(), job.task))
    });
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
    let in_any_order = task.session_config().target_partitions() > 1;
    let rows = if in_any_order {
        execute_stream(plan, task)?.map(|batch| batch.map_err(Fault::from)).boxed()
    } else {
        parts::in_order(plan, task, job.threads)?
    };
    let mut reading = JoinSet::new();
    reading.spawn(forward(rows, map, sender));
    Ok(Rows { schema, lineage, batches, _reading: reading })
}

impl Rows {
    /// The next rows; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, Fault> {
        match self.batches.recv().await {
            Some(Ok(batch)) => Ok(Some(batch)),
            Some(Err(fault)) if fault.code == END => Ok(None),
            Some(Err(fault)) => Err(fault),
            None => Err(Fault::passing(code::INTERNAL, "the operation broke off")),
        }
    }
}

async fn forward(
    mut rows: BoxStream<'static, Result<RecordBatch, Fault>>,
    mut map: Map,
    sender: mpsc::Sender<Result<RecordBatch, Fault>>,
) {
    while let Some(batch) = rows.next().await {
        match batch.and_then(&mut map) {
            Ok(batches) => {
                for batch in batches {
                    if sender.send(Ok(batch)).await.is_err() {
                        return;
                    }
                }
            }
            Err(fault) => {
                let _ = sender.send(Err(fault)).await;
                return;
            }
        }
    }
    // The end of the data is said aloud: a sender that only vanishes has panicked.
    let _ = sender.send(Err(Fault::lasting(END, ""))).await;
}

const END: &str = "END_OF_DATA";

/// A Parquet file of the object store that is being written.
pub(crate) struct Table {
    name: String,
    key: String,
    schema: SchemaRef,
    encoder: Encoder,
    rows: u64,
}

impl Table {
    pub async fn start(job: &Job<'_>, name: &str, schema: SchemaRef) -> Result<Self, Fault> {
        let key = layout::output_data(&job.task.output_prefix, name);
        let encoder = Encoder::start(schema.clone(), job.storage.upload(&key).await?)?;
        Ok(Self { name: name.to_owned(), key, schema, encoder, rows: 0 })
    }

    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        self.rows += batch.num_rows() as u64;
        self.encoder.write(batch).await
    }

    /// Makes the table visible.
    pub async fn finish(self, job: &Job<'_>, lineage: Vec<ColumnLineage>) -> Result<OutputTable, Fault> {
        let stored = self.encoder.finish().await?;
        let output = OutputTable {
            name: self.name,
            storage_key: self.key,
            rows: self.rows,
            size_bytes: stored.size_bytes,
            content_hash: stored.content_hash,
            columns: types::columns(&self.schema),
            format: Format::Parquet,
            lineage,
        };
        describe(job, &output).await?;
        Ok(output)
    }
}

/// Writes the schema and the story of an output beside it.
pub(crate) async fn describe(job: &Job<'_>, output: &OutputTable) -> Result<(), Fault> {
    let prefix = &job.task.output_prefix;
    let inputs: Vec<_> = job.task.inputs.iter().chain(&job.task.datasets).collect();
    let columns = json!({ "columns": output.columns, "rows": output.rows });
    let metadata = json!({
        "name": output.name,
        "format": output.format,
        "atom": job.task.atom,
        "version": job.task.version,
        "config": job.task.config,
        "attempt": job.task.attempt,
        "labels": job.task.labels,
        "inputs": inputs,
        "rows": output.rows,
        "size_bytes": output.size_bytes,
        "content_hash": output.content_hash,
        "column_sources": sources(job, &output.lineage),
        "written_at": clock::now_text(),
    });
    put(job.storage, &layout::output_schema(prefix, &output.name), &columns).await?;
    put(job.storage, &layout::output_metadata(prefix, &output.name), &metadata).await
}

/// The sources of each column as people call them: `input_2.price`.
fn sources(job: &Job<'_>, lineage: &[ColumnLineage]) -> BTreeMap<String, Vec<String>> {
    let inputs = job.task.inputs.len();
    let table = |at: usize| if at < inputs { input_name(at) } else { lineage::DATASET.to_owned() };
    let named = |column: &ColumnLineage| {
        let sources = column.sources.iter().map(|source| format!("{}.{}", table(source.input as usize), source.column));
        (column.column.clone(), sources.collect())
    };
    lineage.iter().map(named).collect()
}

async fn put(storage: &Storage, key: &str, document: &serde_json::Value) -> Result<(), Fault> {
    storage.put_bytes(key, format!("{document:#}\n")).await?;
    Ok(())
}
