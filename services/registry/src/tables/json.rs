//! JSON documents as tables: what is nested becomes columns with dots in their names, lists become JSON text.
//!
//! [`records`] takes a file apart, one bounded record at a time; a record is looked through as text, never made a tree.

mod records;

use std::fmt;
use std::io::Read;

use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::guess::{Class, Columns, MAX_NAME_BYTES};
use super::pipe::Pipe;
use super::preview::{Rows, cut};
use crate::domain::dataset::{Column, Description, Format};

/// How deep objects are taken apart; below that they are text.
const MAX_DEPTH: usize = 32;
/// The column of records that are no objects.
const VALUE: &str = "value";

/// Describes a file as it passes.
pub(super) fn describe(file: impl Read, format: Format) -> Description {
    let mut columns = Columns::default();
    let mut rows = 0;
    let walked = records::each(file, format, &mut |record| {
        rows += 1;
        flatten(record, &mut |name, value| columns.see(name, class(value)))?;
        Ok(true)
    });
    let problem = walked.err().or_else(|| columns.is_empty().then(|| "there is no record with a value".to_owned()));
    Description {
        rows: problem.is_none().then_some(rows),
        columns: columns.into_columns(rows),
        problem,
        ..Description::default()
    }
}

/// The first rows of a file with these columns; those before a fault when it has one.
///
/// # Errors
/// Of the file's stream.
pub(crate) async fn preview<E>(
    mut file: impl Stream<Item = Result<Bytes, E>> + Unpin,
    format: Format,
    columns: &[Column],
    wanted: usize,
) -> Result<Vec<String>, E> {
    let empty: Map<String, Value> = columns.iter().map(|column| (column.name.clone(), Value::Null)).collect();
    let mut pipe = Pipe::new(move |incoming| first_rows(incoming, format, &empty, wanted));
    let mut fed = 0;
    while let Some(chunk) = file.try_next().await? {
        fed += chunk.len();
        if !pipe.feed(chunk).await || fed > super::preview::MAX_READ_BYTES {
            break;
        }
    }
    Ok(pipe.finish().await.unwrap_or_default())
}

fn first_rows(file: impl Read, format: Format, empty: &Map<String, Value>, wanted: usize) -> Vec<String> {
    let mut rows = Rows::new(wanted);
    if rows.is_full() {
        return Vec::new();
    }
    // Why: a file with a problem shows the rows before it.
    let _ = records::each(file, format, &mut |record| {
        let mut row = empty.clone();
        flatten(record, &mut |name, value| {
            if let Some(cell) = row.get_mut(name) {
                *cell = shown(value);
            }
            Ok(())
        })?;
        rows.push(row);
        Ok(!rows.is_full())
    });
    rows.into_texts()
}

type Give<'a> = dyn FnMut(&str, &RawValue) -> Result<(), String> + 'a;

/// The values of a record under the names of their columns.
fn flatten(record: &RawValue, give: &mut Give<'_>) -> Result<(), String> {
    if !record.get().starts_with('{') {
        return give(VALUE, record);
    }
    fields(record, &mut String::new(), 0, give)
}

fn fields(object: &RawValue, path: &mut String, depth: usize, give: &mut Give<'_>) -> Result<(), String> {
    let mut problem = Ok(());
    let members = Members(|key: &str, value: &RawValue| {
        let before = path.len();
        if depth > 0 {
            path.push('.');
        }
        path.push_str(key);
        problem = if path.len() > MAX_NAME_BYTES {
            Err("the name of a column is too long".to_owned())
        } else if value.get().starts_with('{') && depth < MAX_DEPTH {
            fields(value, path, depth + 1, give)
        } else {
            give(path, value)
        };
        path.truncate(before);
        problem.is_ok()
    });
    let parsed = serde_json::Deserializer::from_str(object.get()).deserialize_map(members);
    problem?;
    parsed.map_err(|error| error.to_string())
}

/// Calls for each member of an object until the callee has enough.
struct Members<F>(F);

impl<'de, F: FnMut(&str, &RawValue) -> bool> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if !(self.0)(&key, map.next_value()?) {
                return Err(A::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

fn class(value: &RawValue) -> Class {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'n') => Class::Missing,
        Some(b't' | b'f') => Class::Boolean,
        Some(b'"') => Class::of_text(&string(text)),
        Some(b'[' | b'{') | None => Class::Text,
        Some(_) if text.parse::<i64>().is_ok() => Class::Whole,
        // Why text: a float would lose its last digits.
        Some(_) if !text.contains(['.', 'e', 'E']) => Class::Text,
        Some(_) => Class::Number,
    }
}

fn shown(value: &RawValue) -> Value {
    match class(value) {
        Class::Missing | Class::Boolean | Class::Whole | Class::Number => {
            serde_json::from_str(value.get()).unwrap_or(Value::Null)
        }
        _ if value.get().starts_with('"') => Value::from(cut(&string(value.get()))),
        _ => Value::from(cut(value.get())),
    }
}

fn string(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod tests;
