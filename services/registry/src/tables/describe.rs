//! Looks at a file of any format: while it passes where that is possible, else when it is stored.

use bytes::Bytes;
use trinity_error::Result;
use trinity_storage::{Storage, Stored};

use super::csv::{Describer as CsvDescriber, delimiter_of};
use super::excel::Reader as ExcelReader;
use super::pipe::Pipe;
use super::{arrow, json, parquet};
use crate::domain::dataset::{Description, Format};

/// What describes a file under way.
pub(crate) enum Describer {
    Csv(Box<CsvDescriber>),
    /// JSON and Arrow.
    Passing(Pipe<Description>),
    /// Parquet and Excel.
    Stored,
}

impl Describer {
    pub fn new(format: Format, extension: Option<&str>, head: &[u8]) -> Self {
        match format {
            Format::Csv => Self::Csv(Box::new(CsvDescriber::new(delimiter_of(extension, head)))),
            Format::Json | Format::Ndjson => Self::Passing(Pipe::new(move |incoming| json::describe(incoming, format))),
            Format::Arrow => Self::Passing(Pipe::new(arrow::describe)),
            Format::Parquet | Format::Excel => Self::Stored,
        }
    }

    /// Takes the next bytes.
    pub async fn feed(&mut self, bytes: &Bytes) {
        match self {
            Self::Csv(describer) => describer.feed(bytes),
            Self::Passing(pipe) => _ = pipe.feed(bytes.clone()).await,
            Self::Stored => {}
        }
    }

    /// What the file is.
    ///
    /// # Errors
    /// `Unavailable` when the object store does not answer.
    pub async fn finish(
        self,
        storage: &Storage,
        excel: &ExcelReader,
        format: Format,
        stored: &Stored,
    ) -> Result<Description> {
        match self {
            Self::Csv(describer) => Ok(describer.finish()),
            Self::Passing(pipe) => Ok(pipe.finish().await.unwrap_or_else(|| damaged(format))),
            Self::Stored if format == Format::Excel => excel.describe(storage, &stored.key, stored.size_bytes).await,
            Self::Stored => parquet::describe(storage, &stored.key, stored.size_bytes).await,
        }
    }
}

/// Of a file over which its reader broke down.
fn damaged(format: Format) -> Description {
    Description { problem: Some(format!("not a sound {} file", format.word())), ..Description::default() }
}
