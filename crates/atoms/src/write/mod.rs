//! Tables as files for people and other programs: CSV, workbooks, JSON and Arrow, written as the rows come.

mod excel;
mod text;

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use arrow_ipc::writer::FileWriter;
use datafusion::arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use trinity_storage::layout;

use crate::{
    Fault, Format, OutputTable,
    fault::code,
    job::Job,
    output::{self, Rows},
    types,
};

/// What a file looks like, as far as its format leaves a choice.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    pub delimiter: u8,
    pub header: bool,
    pub null_text: String,
    pub sheet: String,
}

/// Makes a file of batches.
trait Encoder: Send {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault>;
    fn finish(self: Box<Self>) -> Result<(), Fault>;
}

/// Writes rows as a file of this format; nothing is visible before it is whole.
pub(crate) async fn file(
    job: &Job<'_>,
    name: &str,
    mut rows: Rows,
    format: Format,
    style: &Style,
) -> Result<OutputTable, Fault> {
    let key = layout::output_file(&job.task.output_prefix, name, format.extension());
    let mut upload = job.storage.upload(&key).await?;
    let buffer = Buffer::default();
    let mut encoder = encoder(format, &rows.schema, style, buffer.clone())?;
    let mut count = 0;
    while let Some(batch) = rows.next().await? {
        count += batch.num_rows() as u64;
        encoder.write(&batch)?;
        if let Some(bytes) = buffer.take() {
            upload.write(bytes.into()).await?;
        }
    }
    encoder.finish()?;
    if let Some(bytes) = buffer.take() {
        upload.write(bytes.into()).await?;
    }
    let stored = upload.finish().await?;
    let output = OutputTable {
        name: name.to_owned(),
        storage_key: key,
        rows: count,
        size_bytes: stored.size_bytes,
        content_hash: stored.content_hash,
        columns: types::columns(&rows.schema),
        format,
        lineage: rows.lineage,
    };
    output::describe(job, &output).await?;
    Ok(output)
}

fn encoder(format: Format, schema: &SchemaRef, style: &Style, to: Buffer) -> Result<Box<dyn Encoder>, Fault> {
    Ok(match format {
        Format::Csv => Box::new(text::Csv::new(schema, style, to)?),
        Format::Json => Box::new(text::Json::array(to)),
        Format::Ndjson => Box::new(text::Json::lines(to)),
        Format::Excel => Box::new(excel::Workbook::new(schema, style, to)?),
        Format::Arrow => Box::new(Arrow::new(schema, to)?),
        Format::Parquet => return Err(Fault::lasting(code::INTERNAL, "Parquet is written elsewhere")),
    })
}

/// Bytes on their way from an encoder to the store.
#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    /// What was written since the last time.
    fn take(&self) -> Option<Vec<u8>> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!bytes.is_empty()).then_some(bytes)
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An Arrow IPC file.
struct Arrow {
    schema: SchemaRef,
    writer: FileWriter<Buffer>,
}

impl Arrow {
    fn new(schema: &SchemaRef, to: Buffer) -> Result<Self, Fault> {
        let plain = |field: &Arc<Field>| field.as_ref().clone().with_data_type(plain(field.data_type()));
        let schema = Arc::new(Schema::new(schema.fields().iter().map(plain).collect::<Vec<_>>()));
        let writer = FileWriter::try_new(to, &schema)?;
        Ok(Self { schema, writer })
    }
}

/// Why: not every program that reads Arrow knows the newer layout of text.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

impl Encoder for Arrow {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Fault> {
        Ok(self.writer.finish()?)
    }
}
