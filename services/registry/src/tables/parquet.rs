//! Parquet files in the object store: their schema from the footer, their first rows by ranges. Blocking by nature.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use chrono::{DateTime, SecondsFormat, Utc};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::record::{Field, Row};
use parquet::schema::types::Type;
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use trinity_error::{Error, Result};
use trinity_storage::Storage;

use super::preview::{Rows, cut};
use crate::domain::dataset::{Column, Description};
use crate::error;

/// How much is fetched at once when the length is not known.
const FETCH_BYTES: u64 = 64 << 10;

/// Describes a stored file by its footer; one that is no Parquet file has a problem instead of rows.
///
/// # Errors
/// `Unavailable` when the object store does not answer.
pub(crate) async fn describe(storage: &Storage, key: &str, size_bytes: u64) -> Result<Description> {
    let found = in_background(storage, key, size_bytes, |file| {
        let footer = file.metadata().file_metadata();
        let columns = footer.schema().get_fields().iter().map(|field| column(field)).collect();
        Ok(Description { rows: u64::try_from(footer.num_rows()).ok(), columns, ..Description::default() })
    })
    .await?;
    Ok(found.unwrap_or_else(|problem| Description { problem: Some(problem), ..Description::default() }))
}

/// The first rows as JSON objects.
///
/// # Errors
/// `FailedPrecondition` when the file is damaged; `Unavailable` when the object store does not answer.
pub(crate) async fn preview(storage: &Storage, key: &str, size_bytes: u64, wanted: usize) -> Result<Vec<String>> {
    let found = in_background(storage, key, size_bytes, move |file| {
        let schema = file.metadata().file_metadata().schema().get_fields().to_vec();
        let mut rows = Rows::new(wanted);
        for row in file.get_row_iter(None)? {
            if rows.is_full() {
                break;
            }
            rows.push(json_row(&schema, &row?));
        }
        Ok(rows.into_texts())
    })
    .await?;
    found.map_err(|problem| error::dataset_unreadable(&problem))
}

/// Reads a file on a thread that may block. The inner error is what is wrong with the file.
async fn in_background<T: Send + 'static>(
    storage: &Storage,
    key: &str,
    size_bytes: u64,
    read: impl FnOnce(SerializedFileReader<Ranges>) -> Result<T, ParquetError> + Send + 'static,
) -> Result<Result<T, String>> {
    let ranges = Ranges { storage: storage.clone(), key: key.into(), size_bytes, runtime: Handle::current() };
    let work = tokio::task::spawn_blocking(move || SerializedFileReader::new(ranges).and_then(read));
    match work.await {
        Ok(Ok(found)) => Ok(Ok(found)),
        Ok(Err(ParquetError::External(cause))) => Err(Error::unavailable("the object store").with_cause(cause)),
        Ok(Err(cause)) => Ok(Err(format!("not a sound Parquet file: {cause}"))),
        // Why: the reader panics on some damaged files; that must cost the file, not the service.
        Err(_) => Ok(Err("not a sound Parquet file".to_owned())),
    }
}

fn column(field: &Type) -> Column {
    let info = field.get_basic_info();
    let nullable = info.has_repetition() && info.repetition() != Repetition::REQUIRED;
    Column { name: field.name().to_owned(), kind: kind(field), nullable }
}

/// The name of a column's type: one of ours for the usual ones.
fn kind(field: &Type) -> String {
    let info = field.get_basic_info();
    if field.is_group() {
        return match info.converted_type() {
            ConvertedType::LIST => "list",
            ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE => "map",
            _ => "struct",
        }
        .to_owned();
    }
    let is_timestamp = matches!(info.logical_type_ref(), Some(LogicalType::Timestamp(_)));
    match (info.converted_type(), field.get_physical_type()) {
        _ if is_timestamp => "timestamp",
        (ConvertedType::DATE, _) => "date",
        (ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _) | (_, PhysicalType::INT96) => {
            "timestamp"
        }
        (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => "time",
        (ConvertedType::DECIMAL, _) => "decimal",
        (ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON, _) => "string",
        (_, PhysicalType::BOOLEAN) => "boolean",
        (_, PhysicalType::INT32 | PhysicalType::INT64) => "int64",
        (_, PhysicalType::FLOAT | PhysicalType::DOUBLE) => "float64",
        (_, PhysicalType::BYTE_ARRAY | PhysicalType::FIXED_LEN_BYTE_ARRAY) => "binary",
    }
    .to_owned()
}

fn json_row(schema: &[Arc<Type>], row: &Row) -> Map<String, Value> {
    row.get_column_iter().zip(schema).map(|((name, value), field)| (name.clone(), json(field, value))).collect()
}

fn json(field: &Type, value: &Field) -> Value {
    match value {
        Field::TimestampMillis(millis) => timestamp(field, DateTime::from_timestamp_millis(*millis)),
        Field::TimestampMicros(micros) => timestamp(field, DateTime::from_timestamp_micros(*micros)),
        // Why: the reader knows the old annotations alone, which have no nanoseconds.
        Field::Long(nanos) if unit(field) == Some(TimeUnit::NANOS) => {
            timestamp(field, Some(DateTime::from_timestamp_nanos(*nanos)))
        }
        Field::Str(text) => Value::from(cut(text)),
        other => other.to_json_value(),
    }
}

fn unit(field: &Type) -> Option<TimeUnit> {
    match field.get_basic_info().logical_type_ref() {
        Some(LogicalType::Timestamp(of)) => Some(of.unit),
        _ => None,
    }
}

/// A time as ISO 8601; with a zone only when the column has one.
fn timestamp(field: &Type, time: Option<DateTime<Utc>>) -> Value {
    let Some(time) = time else { return Value::Null };
    let local = match field.get_basic_info().logical_type_ref() {
        Some(LogicalType::Timestamp(of)) => !of.is_adjusted_to_u_t_c,
        _ => false,
    };
    let text = time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    Value::from(if local { text.trim_end_matches('Z') } else { &text })
}

/// A stored file that is read in ranges.
struct Ranges {
    storage: Storage,
    key: Arc<str>,
    size_bytes: u64,
    runtime: Handle,
}

impl Ranges {
    fn fetch(&self, start: u64, length: u64) -> io::Result<Bytes> {
        let end = start.saturating_add(length).min(self.size_bytes);
        if start >= end {
            return Ok(Bytes::new());
        }
        self.runtime.block_on(self.storage.get_range(&self.key, start..end)).map_err(io::Error::other)
    }
}

impl Length for Ranges {
    fn len(&self) -> u64 {
        self.size_bytes
    }
}

impl ChunkReader for Ranges {
    type T = RangeReader;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let ranges =
            Self { storage: self.storage.clone(), key: Arc::clone(&self.key), runtime: self.runtime.clone(), ..*self };
        Ok(RangeReader { ranges, at: start, fetched: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.fetch(start, length as u64).map_err(|error| ParquetError::External(Box::new(error)))?;
        if bytes.len() == length { Ok(bytes) } else { Err(ParquetError::EOF("the file ends too early".to_owned())) }
    }
}

/// Reads on from a place, fetching a piece at a time.
struct RangeReader {
    ranges: Ranges,
    at: u64,
    fetched: Bytes,
}

impl Read for RangeReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.fetched.is_empty() {
            self.fetched = self.ranges.fetch(self.at, FETCH_BYTES)?;
            self.at += self.fetched.len() as u64;
        }
        let length = target.len().min(self.fetched.len());
        self.fetched.copy_to_slice(&mut target[..length]);
        Ok(length)
    }
}
