//! CSV and JSON files.

use datafusion::arrow::{
    array::RecordBatch,
    csv,
    datatypes::SchemaRef,
    json::{
        WriterBuilder,
        writer::{JsonArray, JsonFormat, LineDelimited, Writer},
    },
};

use super::{Buffer, Encoder, Style};
use crate::Fault;

pub(super) struct Csv(csv::Writer<Buffer>);

impl Csv {
    pub fn new(schema: &SchemaRef, style: &Style, to: Buffer) -> Result<Self, Fault> {
        let mut writer = csv::WriterBuilder::new()
            .with_header(style.header)
            .with_delimiter(style.delimiter)
            .with_null(style.null_text.clone())
            .build(to);
        // Why: a table without rows still has a header.
        writer.write(&RecordBatch::new_empty(schema.clone()))?;
        Ok(Self(writer))
    }
}

impl Encoder for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        Ok(self.0.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Result<(), Fault> {
        Ok(())
    }
}

pub(super) struct Json<F: JsonFormat>(Writer<Buffer, F>);

impl Json<JsonArray> {
    /// One array of objects.
    pub fn array(to: Buffer) -> Self {
        Self(WriterBuilder::new().with_explicit_nulls(true).build(to))
    }
}

impl Json<LineDelimited> {
    /// An object on each line.
    pub fn lines(to: Buffer) -> Self {
        Self(WriterBuilder::new().with_explicit_nulls(true).build(to))
    }
}

impl<F: JsonFormat + Send> Encoder for Json<F> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        Ok(self.0.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Fault> {
        Ok(self.0.finish()?)
    }
}
