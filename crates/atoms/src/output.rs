//! Tables written to the object store: Parquet with its schema and its story beside it, whole or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use datafusion::{
    arrow::{
        array::RecordBatch,
        datatypes::{Schema, SchemaRef},
    },
    execution::SendableRecordBatchStream,
    physical_plan::{execute_stream, execute_stream_partitioned},
    prelude::DataFrame,
};
use futures::{StreamExt, future::BoxFuture};
use parquet::{
    arrow::{
        arrow_writer::ArrowWriterOptions,
        async_writer::{AsyncArrowWriter, AsyncFileWriter},
    },
    basic::Compression,
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};
use trinity_storage::{Storage, Stored, Upload, layout};

use crate::{Fault, Format, OutputTable, clock, fault::code, job::Job, lineage, types};

/// Rows of a row group: small enough that a writer's memory stays small.
const ROW_GROUP_ROWS: usize = 128 * 1024;
/// How large a column's dictionary may become.
const DICTIONARY_BYTES: usize = 64 * 1024;
/// Batches read ahead of the writer, so that reading and writing overlap.
const BATCHES_AHEAD: usize = 4;

type ColumnSources = BTreeMap<String, BTreeSet<String>>;

/// Changes rows on their way to the file.
pub(crate) type Map = Box<dyn FnMut(RecordBatch) -> Result<RecordBatch, Fault> + Send>;

/// Writes what a query gives; a session without parallel work keeps the order of the input.
pub(crate) async fn frame(job: &Job<'_>, name: &str, frame: DataFrame) -> Result<OutputTable, Fault> {
    mapped(job, name, frame, Box::new(Ok)).await
}

/// Writes what a query gives, each batch changed on its way.
pub(crate) async fn mapped(job: &Job<'_>, name: &str, frame: DataFrame, map: Map) -> Result<OutputTable, Fault> {
    let frame = types::normalize(frame)?;
    let sources = lineage::columns(frame.logical_plan());
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    // Why a set: dropping it stops the reading when the writing fails or the task is cancelled.
    let mut reading = JoinSet::new();
    let in_any_order = task.session_config().target_partitions() > 1;
    let streams =
        if in_any_order { vec![execute_stream(plan, task)?] } else { execute_stream_partitioned(plan, task)? };
    reading.spawn(forward(streams, map, sender));
    write(job, name, schema, sources, receiver).await
}

/// Writes rows that are already in memory.
pub(crate) async fn batch(job: &Job<'_>, name: &str, batch: RecordBatch) -> Result<OutputTable, Fault> {
    let (sender, receiver) = mpsc::channel(2);
    let schema = batch.schema();
    for item in [Ok(batch), Err(end_of_data())] {
        sender.try_send(item).map_err(|_| Fault::passing(code::INTERNAL, "the writer's queue is full"))?;
    }
    write(job, name, schema, ColumnSources::new(), receiver).await
}

/// Why one after the other: the rows keep the order of the file that they come from.
async fn forward(
    streams: Vec<SendableRecordBatchStream>,
    mut map: Map,
    sender: mpsc::Sender<Result<RecordBatch, Fault>>,
) {
    for mut stream in streams {
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(Fault::from).and_then(&mut map);
            let failed = batch.is_err();
            if sender.send(batch).await.is_err() || failed {
                return;
            }
        }
    }
    // The end of the data is said aloud: a sender that only vanishes has panicked.
    let _ = sender.send(Err(end_of_data())).await;
}

const END: &str = "END_OF_DATA";

fn end_of_data() -> Fault {
    Fault::lasting(END, "")
}

async fn write(
    job: &Job<'_>,
    name: &str,
    schema: SchemaRef,
    sources: ColumnSources,
    mut batches: mpsc::Receiver<Result<RecordBatch, Fault>>,
) -> Result<OutputTable, Fault> {
    let prefix = &job.task.output_prefix;
    let key = layout::output_data(prefix, name);
    let sink = Sink { upload: Some(job.storage.upload(&key).await?), stored: None };
    let mut writer = AsyncArrowWriter::try_new_with_options(sink, schema.clone(), options()).map_err(failed)?;
    let mut rows = 0;
    loop {
        match batches.recv().await {
            Some(Ok(batch)) => {
                rows += batch.num_rows() as u64;
                writer.write(&batch).await.map_err(failed)?;
            }
            Some(Err(fault)) if fault.code == END => break,
            Some(Err(fault)) => return Err(fault),
            None => return Err(Fault::passing(code::INTERNAL, "the operation broke off")),
        }
    }
    writer.finish().await.map_err(failed)?;
    let stored =
        writer.into_inner().stored.ok_or_else(|| Fault::passing(code::IO_FAILED, "the file was not stored"))?;
    let output = OutputTable {
        name: name.to_owned(),
        storage_key: key,
        rows,
        size_bytes: stored.size_bytes,
        content_hash: stored.content_hash,
        columns: types::columns(&schema),
        format: Format::Parquet,
        lineage: Vec::new(),
    };
    describe(job, &output, &schema, &sources).await?;
    Ok(output)
}

fn options() -> ArrowWriterOptions {
    let properties = WriterProperties::builder()
        // Why not zstd: a third smaller, and writing takes twice the time, which most tables are read only once or twice for.
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Why: a column of ever new values gains nothing from a dictionary, and looking each value up costs as much as all
        // the rest; this gives up on it after some thousands.
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_created_by("trinity".into())
        .build();
    // Why: other programs read these files; the engine's private type hints would bind them to it.
    ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true)
}

async fn describe(job: &Job<'_>, output: &OutputTable, schema: &Schema, sources: &ColumnSources) -> Result<(), Fault> {
    let prefix = &job.task.output_prefix;
    let inputs: Vec<_> = job.task.inputs.iter().chain(&job.task.datasets).collect();
    let columns = json!({ "columns": types::columns(schema), "rows": output.rows });
    let metadata = json!({
        "name": output.name,
        "atom": job.task.atom,
        "version": job.task.version,
        "config": job.task.config,
        "attempt": job.task.attempt,
        "labels": job.task.labels,
        "inputs": inputs,
        "rows": output.rows,
        "size_bytes": output.size_bytes,
        "content_hash": output.content_hash,
        "column_sources": sources,
        "written_at": clock::now_text(),
    });
    put(job.storage, &layout::output_schema(prefix, &output.name), &columns).await?;
    put(job.storage, &layout::output_metadata(prefix, &output.name), &metadata).await
}

async fn put(storage: &Storage, key: &str, document: &serde_json::Value) -> Result<(), Fault> {
    storage.put_bytes(key, format!("{document:#}\n")).await?;
    Ok(())
}

/// The Parquet writer's way into the object store.
struct Sink {
    upload: Option<Upload>,
    stored: Option<Stored>,
}

impl AsyncFileWriter for Sink {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, parquet::errors::Result<()>> {
        Box::pin(async move {
            let upload = self.upload.as_mut().ok_or_else(|| ParquetError::General("written after the end".into()))?;
            upload.write(bytes).await.map_err(|error| ParquetError::External(Box::new(error)))
        })
    }

    fn complete(&mut self) -> BoxFuture<'_, parquet::errors::Result<()>> {
        Box::pin(async move {
            if let Some(upload) = self.upload.take() {
                let stored = upload.finish().await.map_err(|error| ParquetError::External(Box::new(error)))?;
                self.stored = Some(stored);
            }
            Ok(())
        })
    }
}

/// A table that cannot be written: the disk, or a type that Parquet does not have.
fn failed(error: ParquetError) -> Fault {
    match error {
        ParquetError::External(_) => Fault::passing(code::IO_FAILED, "the object store failed"),
        other => Fault::lasting(code::DATA_INVALID, format!("the result cannot be written as Parquet: {other}")),
    }
}
