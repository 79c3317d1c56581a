//! Rows as the bytes of a Parquet file: columns are encoded side by side, row groups follow each other in the rows' order.
//!
//! Lanes encode a row group, each some of its columns; a finished row group goes to the assembler, which appends it to the
//! file and sends it off while the next one is being encoded. What is held at once: a few batches on their way to the lanes
//! and three row groups (one being encoded, one waiting, one being sent off), each of [`GROUP_BYTES`] at most.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{DataType, FieldRef, SchemaRef},
};
use parquet::{
    arrow::arrow_writer::{
        ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions,
        compute_leaves,
    },
    basic::Compression,
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        writer::SerializedFileWriter,
    },
};
use tokio::{sync::mpsc, task::JoinSet};
use trinity_storage::{Stored, Upload};

use crate::{Fault, fault::code};

/// The most rows of a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// The most bytes of a row group before they are encoded, give or take a batch.
const GROUP_BYTES: usize = 64 << 20;
/// How large a column's dictionary may become.
const DICTIONARY_BYTES: usize = 64 * 1024;
/// The most parts into which a table's columns go, however many there are.
const LANES: usize = 16;
/// Batches that may wait for a lane, so that a column that takes longer holds up the others less.
const BATCHES_AHEAD: usize = 4;

/// A Parquet file that is being written. Dropped before [`Encoder::finish`] it leaves nothing behind.
pub(crate) struct Encoder {
    schema: SchemaRef,
    factory: ArrowRowGroupWriterFactory,
    /// For each column of the table, how many the file has for it: more than one when it is nested.
    leaves: Vec<usize>,
    /// The row group that is being encoded.
    group: Option<Group>,
    groups: usize,
    steps: mpsc::Sender<Step>,
    /// The assembler. Why a set: dropping it stops the work, as it does in the lanes.
    assembling: JoinSet<Result<Stored, Fault>>,
}

/// What the assembler does next.
enum Step {
    Append(Group),
    /// Why said aloud: an encoder that only vanishes was cancelled, and its file must not become visible.
    Finish,
}

impl Encoder {
    pub fn start(schema: SchemaRef, upload: Upload) -> Result<Self, Fault> {
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema.clone(), options()).map_err(failed)?;
        let (file, factory) = writer.into_serialized_writer().map_err(failed)?;
        let mut leaves = vec![0; schema.fields().len()];
        for leaf in 0..file.schema_descr().num_columns() {
            leaves[file.schema_descr().get_column_root_idx(leaf)] += 1;
        }
        let (steps, to_do) = mpsc::channel(1);
        let mut assembling = JoinSet::new();
        assembling.spawn(assemble(file, upload, to_do));
        Ok(Self { schema, factory, leaves, group: None, groups: 0, steps, assembling })
    }

    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let mut rest = batch.clone();
        while rest.num_rows() > 0 {
            let mut group = match self.group.take() {
                Some(group) => group,
                None => Group::start(self.columns()?),
            };
            let rows = rest.num_rows().min(GROUP_ROWS - group.rows);
            group.write(rest.slice(0, rows)).await?;
            rest = rest.slice(rows, rest.num_rows() - rows);
            let is_full = group.is_full();
            self.group = Some(group);
            if is_full {
                self.end_group().await?;
            }
        }
        Ok(())
    }

    /// Makes the file visible.
    pub async fn finish(mut self) -> Result<Stored, Fault> {
        self.end_group().await?;
        self.step(Step::Finish).await?;
        self.assembled().await
    }

    async fn end_group(&mut self) -> Result<(), Fault> {
        match self.group.take() {
            Some(mut group) => {
                group.lanes.clear();
                self.step(Step::Append(group)).await
            }
            None => Ok(()),
        }
    }

    async fn step(&mut self, step: Step) -> Result<(), Fault> {
        match self.steps.send(step).await {
            Ok(()) => Ok(()),
            // The assembler has failed and says why.
            Err(_) => self.assembled().await.map(|_| ()),
        }
    }

    async fn assembled(&mut self) -> Result<Stored, Fault> {
        match self.assembling.join_next().await {
            Some(Ok(stored)) => stored,
            _ => Err(broken_off()),
        }
    }

    /// The table's columns with new writers.
    fn columns(&mut self) -> Result<Vec<Column>, Fault> {
        let mut writers = self.factory.create_column_writers(self.groups).map_err(failed)?.into_iter();
        self.groups += 1;
        let fields = self.schema.fields().iter().zip(&self.leaves).enumerate();
        let column = |(at, (field, leaves)): (usize, (&FieldRef, &usize))| Column {
            at,
            field: field.clone(),
            writers: writers.by_ref().take(*leaves).collect(),
        };
        Ok(fields.map(column).collect())
    }
}

/// A row group that is being encoded.
struct Group {
    /// The ways into the lanes; none once the row group has all of its rows.
    lanes: Vec<mpsc::Sender<RecordBatch>>,
    encoding: JoinSet<Result<Vec<Encoded>, ParquetError>>,
    rows: usize,
    bytes: usize,
}

/// A column's place in the table, and its part of a row group.
type Encoded = (usize, Vec<ArrowColumnChunk>);

impl Group {
    fn start(columns: Vec<Column>) -> Self {
        let mut parts: Vec<Vec<Column>> = Vec::new();
        parts.resize_with(columns.len().clamp(1, LANES), Vec::new);
        let count = parts.len();
        columns.into_iter().for_each(|column| parts[column.at % count].push(column));
        let (mut lanes, mut encoding) = (Vec::new(), JoinSet::new());
        for part in parts {
            let (lane, batches) = mpsc::channel(BATCHES_AHEAD);
            encoding.spawn(encode(part, batches));
            lanes.push(lane);
        }
        Self { lanes, encoding, rows: 0, bytes: 0 }
    }

    async fn write(&mut self, batch: RecordBatch) -> Result<(), Fault> {
        self.rows += batch.num_rows();
        self.bytes += size_bytes(&batch);
        for lane in &self.lanes {
            if lane.send(batch.clone()).await.is_err() {
                self.lanes.clear();
                return Err(self.encoded().await.err().unwrap_or_else(broken_off));
            }
        }
        Ok(())
    }

    /// Why bytes count too: a row of a thousand columns is a hundred times another one.
    fn is_full(&self) -> bool {
        self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES
    }

    /// The columns in their order, once every lane is done.
    async fn encoded(&mut self) -> Result<Vec<Encoded>, Fault> {
        let mut columns = Vec::new();
        while let Some(lane) = self.encoding.join_next().await {
            columns.extend(lane.map_err(|_| broken_off())?.map_err(failed)?);
        }
        columns.sort_unstable_by_key(|(at, _)| *at);
        Ok(columns)
    }
}

/// A column of a row group.
struct Column {
    at: usize,
    field: FieldRef,
    writers: Vec<ArrowColumnWriter>,
}

impl Column {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let leaves = compute_leaves(&self.field, batch.column(self.at))?;
        self.writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
    }

    fn close(self) -> Result<Encoded, ParquetError> {
        let chunks = self.writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<_, _>>()?;
        Ok((self.at, chunks))
    }
}

/// A lane.
async fn encode(
    mut columns: Vec<Column>,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> Result<Vec<Encoded>, ParquetError> {
    while let Some(batch) = batches.recv().await {
        columns.iter_mut().try_for_each(|column| column.write(&batch))?;
    }
    columns.into_iter().map(Column::close).collect()
}

async fn assemble(
    mut file: SerializedFileWriter<Vec<u8>>,
    mut upload: Upload,
    mut steps: mpsc::Receiver<Step>,
) -> Result<Stored, Fault> {
    while let Some(step) = steps.recv().await {
        match step {
            Step::Append(mut group) => {
                append(&mut file, group.encoded().await?).map_err(failed)?;
                upload.write(taken(&mut file)?).await?;
            }
            Step::Finish => {
                file.finish().map_err(failed)?;
                upload.write(taken(&mut file)?).await?;
                return Ok(upload.finish().await?);
            }
        }
    }
    upload.abort().await?;
    Err(broken_off())
}

fn append(file: &mut SerializedFileWriter<Vec<u8>>, columns: Vec<Encoded>) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for chunk in columns.into_iter().flat_map(|(_, chunks)| chunks) {
        chunk.append_to_row_group(&mut group)?;
    }
    group.close()?;
    Ok(())
}

/// What the file has grown by.
fn taken(file: &mut SerializedFileWriter<Vec<u8>>) -> Result<Bytes, Fault> {
    file.flush().map_err(|error| Fault::from_io(&error))?;
    Ok(std::mem::take(file.inner_mut()).into())
}

/// What a batch's own rows take, whatever else the memory behind them holds.
fn size_bytes(batch: &RecordBatch) -> usize {
    let column = |array: &Arc<dyn Array>| match array.data_type() {
        DataType::Utf8View => array.as_string_view().lengths().map(|length| length as usize).sum(),
        _ => array.to_data().get_slice_memory_size().unwrap_or_default(),
    };
    batch.columns().iter().map(column).sum()
}

fn options() -> ArrowWriterOptions {
    let properties = WriterProperties::builder()
        // Why not zstd: a third smaller, and writing takes twice the time, which most tables are read only once or twice for.
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Why: a column of ever new values gains nothing from a dictionary, and looking each value up costs as much as all
        // the rest; this gives up on it after some thousands.
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_created_by("trinity".into())
        .build();
    // Why: other programs read these files; the engine's private type hints would bind them to it.
    ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true)
}

/// A type or a value that Parquet does not have.
#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn failed(error: ParquetError) -> Fault {
    Fault::lasting(code::DATA_INVALID, format!("the result cannot be written as Parquet: {error}"))
}

fn broken_off() -> Fault {
    Fault::passing(code::INTERNAL, "writing the table broke off")
}

#[cfg(test)]
mod tests;
