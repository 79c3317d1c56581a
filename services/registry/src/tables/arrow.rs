//! Arrow IPC files and streams: both are messages one after the other, so the same walk describes either as it passes.

mod messages;

use std::collections::VecDeque;
use std::io::{Cursor, Read};

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{DataType, Field};
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use serde_json::{Map, Value};

use self::messages::{Body, Kind, Messages};
use super::pipe::Pipe;
use super::preview::{MAX_READ_BYTES, Rows, cut};
use crate::domain::dataset::{Column, Description};

/// More columns than any table made by people.
const MAX_COLUMNS: usize = 20_000;

/// Describes a file as it passes.
pub(super) fn describe(file: impl Read) -> Description {
    let (mut columns, mut rows) = (Vec::new(), 0_u64);
    let problem = look_through(file, &mut columns, &mut rows).err();
    let rows = problem.is_none().then_some(rows);
    Description { rows, columns, problem, ..Description::default() }
}

fn look_through(file: impl Read, columns: &mut Vec<Column>, rows: &mut u64) -> Result<(), String> {
    let mut messages = Messages::open(file).map_err(malformed)?;
    let schema = messages.schema().map_err(malformed)?;
    if schema.fields().len() > MAX_COLUMNS {
        return Err(malformed(format!("more than the {MAX_COLUMNS} columns that a table may have")));
    }
    *columns = schema.fields().iter().map(|field| column(field)).collect();
    while let Some(message) = messages.next(Body::Skip).map_err(malformed)? {
        if let Kind::Batch { rows: more } = message.kind {
            *rows = rows
                .checked_add(more)
                .filter(|rows| i64::try_from(*rows).is_ok())
                .ok_or_else(|| malformed("too many rows"))?;
        }
    }
    Ok(())
}

/// The first rows as JSON objects; those before a fault when the file has one. The inner error is what is wrong with it.
///
/// # Errors
/// Of the file's stream.
pub(crate) async fn preview<E>(
    mut file: impl Stream<Item = Result<Bytes, E>> + Unpin,
    wanted: usize,
) -> Result<Result<Vec<String>, String>, E> {
    let mut pipe = Pipe::new(move |incoming| first_rows(incoming, wanted));
    let mut fed = 0;
    while let Some(chunk) = file.try_next().await? {
        fed += chunk.len();
        if !pipe.feed(chunk).await || fed > MAX_READ_BYTES {
            break;
        }
    }
    Ok(pipe.finish().await.unwrap_or_else(|| Err(malformed("it is damaged"))))
}

/// Takes what holds the first rows out of the file, then reads that.
fn first_rows(file: impl Read, wanted: usize) -> Result<Vec<String>, String> {
    let mut messages = Messages::open(file).map_err(malformed)?;
    messages.schema().map_err(malformed)?;
    let (mut part, mut rows) = (messages.taken(), 0);
    while rows < wanted as u64 {
        // Why: what is cut off or wrong behind the first rows does not hinder them.
        match messages.next(Body::Keep) {
            Ok(Some(message)) => {
                if let Kind::Batch { rows: more } = message.kind {
                    rows = rows.saturating_add(more);
                }
                part.extend(message.bytes);
            }
            Err(problem) if rows == 0 => return Err(malformed(problem)),
            Ok(None) | Err(_) => break,
        }
    }
    let mut found = Rows::new(wanted);
    let reader = StreamReader::try_new(Cursor::new(Vec::from(part)), None).map_err(malformed)?;
    for batch in reader {
        let batch = batch.map_err(malformed)?;
        let rest = wanted.saturating_sub(found.len());
        push(&batch.slice(0, batch.num_rows().min(rest)), &mut found)?;
        if found.is_full() {
            break;
        }
    }
    Ok(found.into_texts())
}

fn push(batch: &RecordBatch, rows: &mut Rows) -> Result<(), String> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(batch).and_then(|()| writer.finish()).map_err(malformed)?;
    for line in serde_json::Deserializer::from_slice(&writer.into_inner()).into_iter::<Map<String, Value>>() {
        let mut row = line.map_err(malformed)?;
        for cell in row.values_mut() {
            match cell {
                Value::String(text) => *cell = Value::from(cut(text)),
                Value::Array(_) | Value::Object(_) => *cell = Value::from(cut(&cell.to_string())),
                _ => {}
            }
        }
        rows.push(row);
        if rows.is_full() {
            break;
        }
    }
    Ok(())
}

fn malformed(problem: impl std::fmt::Display) -> String {
    let problem: String = problem.to_string().chars().take(200).collect();
    format!("not a sound Arrow file: {problem}")
}

fn column(field: &Field) -> Column {
    Column { name: field.name().clone(), kind: kind(field.data_type()).to_owned(), nullable: field.is_nullable() }
}

/// The name of a column's type: one of ours for the usual ones.
fn kind(of: &DataType) -> &'static str {
    match of {
        DataType::Boolean => "boolean",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(..) => "timestamp",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "string",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Duration(_) | DataType::Interval(_) => "duration",
        DataType::Struct(_) => "struct",
        DataType::Map(..) => "map",
        DataType::Union(..) => "union",
        DataType::Dictionary(_, values) => kind(values),
        DataType::RunEndEncoded(_, values) => kind(values.data_type()),
        of if of.is_integer() => "int64",
        of if of.is_floating() => "float64",
        of if of.is_decimal() => "decimal",
        of if of.is_list() => "list",
        _ => "binary",
    }
}

/// Bytes of messages.
type Part = VecDeque<u8>;

#[cfg(test)]
mod tests;
