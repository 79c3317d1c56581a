//! Answers as one table: gathered in a file while their columns are found out, and read back when all are known.

use std::{
    fs::File,
    io::{BufRead, BufReader, BufWriter, Write},
    path::Path,
};

use datafusion::{
    arrow::datatypes::{DataType, Field, Schema},
    execution::options::JsonReadOptions,
    prelude::{DataFrame, SessionContext},
};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

use crate::{Fault, fault::code, input};

/// All answers together.
const MAX_BYTES: u64 = 16 << 30;
const MAX_COLUMNS: usize = 2_000;

/// What a column's values are so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unknown,
    Boolean,
    Integer,
    Number,
    Text,
    /// Values of several kinds, to be written as text.
    Mixed,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Unknown,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_i64() => Self::Integer,
            Value::Number(_) => Self::Number,
            _ => Self::Text,
        }
    }

    fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Unknown, kind) | (kind, Self::Unknown) => kind,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Mixed,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Unknown | Self::Text | Self::Mixed => DataType::Utf8,
        }
    }
}

/// Rows on their way to a table.
pub(super) struct Answers {
    file: BufWriter<NamedTempFile>,
    columns: Vec<(String, Kind)>,
    rows: u64,
    size_bytes: u64,
}

/// All rows, whose columns are known.
pub(super) struct Settled {
    file: NamedTempFile,
    schema: Schema,
}

impl Answers {
    pub fn new(scratch: &Path) -> Result<Self, Fault> {
        Ok(Self { file: BufWriter::new(scratch_file(scratch)?), columns: Vec::new(), rows: 0, size_bytes: 0 })
    }

    /// Takes an answer: objects one after the other, as in NDJSON, or arrays of them.
    pub fn add(&mut self, answer: &[u8], number: usize) -> Result<(), Fault> {
        let invalid =
            |what: String| Fault::lasting(code::HTTP_ANSWER_INVALID, format!("the answer to request {number} {what}"));
        let mut row = 0;
        for value in serde_json::Deserializer::from_slice(answer).into_iter::<Value>() {
            let value = value.map_err(|error| invalid(format!("is no JSON: {error}")))?;
            let values = match value {
                Value::Array(values) => values,
                one => vec![one],
            };
            for value in values {
                row += 1;
                let Value::Object(fields) = value else { return Err(invalid(format!("has no object as row {row}"))) };
                self.add_row(fields)?;
            }
        }
        Ok(())
    }

    fn add_row(&mut self, fields: Map<String, Value>) -> Result<(), Fault> {
        let mut flat = Map::new();
        flatten("", fields, &mut flat);
        for (at, (name, value)) in flat.iter().enumerate() {
            let kind = Kind::of(value);
            match self.place(at, name) {
                Some(place) => self.columns[place].1 = self.columns[place].1.with(kind),
                None => self.columns.push((name.clone(), kind)),
            }
        }
        let line = Value::Object(flat).to_string();
        self.size_bytes += line.len() as u64 + 1;
        self.rows += 1;
        if self.size_bytes > MAX_BYTES || self.columns.len() > MAX_COLUMNS {
            let message = format!("the answers together are larger than {MAX_BYTES} bytes or {MAX_COLUMNS} columns");
            return Err(Fault::lasting(code::HTTP_ANSWER_INVALID, message));
        }
        writeln!(self.file, "{line}").map_err(|error| Fault::from_io(&error))
    }

    /// Where a column is; most rows are like the ones before them.
    fn place(&self, likely: usize, name: &str) -> Option<usize> {
        let is_there = self.columns.get(likely).is_some_and(|(known, _)| known == name);
        if is_there { Some(likely) } else { self.columns.iter().position(|(known, _)| known == name) }
    }

    /// Ends the gathering.
    pub fn settle(self) -> Result<Settled, Fault> {
        if self.rows == 0 || self.columns.is_empty() {
            let message = "the endpoint answered without any row; if none is expected, set \"answer\": \"nothing\"";
            return Err(Fault::lasting(code::HTTP_ANSWER_INVALID, message));
        }
        let io = |error: std::io::Error| Fault::from_io(&error);
        let file = self.file.into_inner().map_err(|error| io(error.into_error()))?;
        let mixed: Vec<&str> =
            self.columns.iter().filter(|(_, kind)| *kind == Kind::Mixed).map(|(name, _)| name.as_str()).collect();
        let file = if mixed.is_empty() { file } else { as_text(&file, &mixed).map_err(io)? };
        let fields = self.columns.iter().map(|(name, kind)| Field::new(name, kind.data_type(), true));
        Ok(Settled { file, schema: Schema::new(fields.collect::<Vec<_>>()) })
    }
}

impl Settled {
    /// The rows as a table; the file lives as long as this value.
    pub async fn frame(&self, session: &SessionContext) -> Result<DataFrame, Fault> {
        let options = JsonReadOptions::default().schema(&self.schema).file_extension("");
        Ok(session.read_json(input::url(self.file.path())?, options).await?)
    }
}

fn scratch_file(folder: &Path) -> Result<NamedTempFile, Fault> {
    tempfile::Builder::new().prefix("answers-").tempfile_in(folder).map_err(|error| Fault::from_io(&error))
}

/// Objects inside objects become columns named with a dot; lists become JSON text.
fn flatten(prefix: &str, fields: Map<String, Value>, into: &mut Map<String, Value>) {
    for (name, value) in fields {
        let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Object(inner) if !inner.is_empty() => flatten(&name, inner, into),
            Value::Object(_) | Value::Array(_) => drop(into.insert(name, value.to_string().into())),
            plain => drop(into.insert(name, plain)),
        }
    }
}

/// The same rows with these columns as text.
fn as_text(file: &NamedTempFile, columns: &[&str]) -> std::io::Result<NamedTempFile> {
    let folder = file.path().parent().unwrap_or_else(|| Path::new("."));
    let mut changed = BufWriter::new(tempfile::Builder::new().prefix("answers-").tempfile_in(folder)?);
    for line in BufReader::new(File::open(file.path())?).lines() {
        let mut row: Map<String, Value> = serde_json::from_str(&line?)?;
        for name in columns {
            if let Some(value) = row.get_mut(*name)
                && !matches!(value, Value::Null | Value::String(_))
            {
                *value = value.to_string().into();
            }
        }
        writeln!(changed, "{}", Value::Object(row))?;
    }
    changed.into_inner().map_err(std::io::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(answers: &[&str]) -> Result<(Vec<(String, DataType)>, String), Fault> {
        let folder = tempfile::tempdir().unwrap();
        let mut gathered = Answers::new(folder.path())?;
        for (at, answer) in answers.iter().enumerate() {
            gathered.add(answer.as_bytes(), at + 1)?;
        }
        let settled = gathered.settle()?;
        let fields = settled.schema.fields().iter();
        let columns = fields.map(|field| (field.name().clone(), field.data_type().clone())).collect();
        Ok((columns, std::fs::read_to_string(settled.file.path()).unwrap()))
    }

    #[test]
    fn lines_arrays_and_single_objects_are_rows() {
        let answers = ["{\"a\":1}\n{\"a\":2.5}\n", "[{\"b\":\"x\"}]", " {\n \"c\": true\n }", ""];
        let (columns, text) = settled(&answers).unwrap();
        let expected = [("a", DataType::Float64), ("b", DataType::Utf8), ("c", DataType::Boolean)];
        assert_eq!(columns, expected.map(|(name, kind)| (name.to_owned(), kind)));
        assert_eq!(text.lines().count(), 4);
    }

    #[test]
    fn nested_values_and_mixed_columns_become_text() {
        let (columns, text) = settled(&[r#"[{"a":{"b":1,"c":[1,{"d":2}]},"m":1},{"m":"x"},{"m":null}]"#]).unwrap();
        assert_eq!(columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a.b", "a.c", "m"]);
        assert_eq!((&columns[0].1, &columns[2].1), (&DataType::Int64, &DataType::Utf8));
        assert_eq!(text.lines().next().unwrap(), r#"{"a.b":1,"a.c":"[1,{\"d\":2}]","m":"1"}"#);
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        for (answers, place) in [
            (&["{}", "[1]"][..], "request 2 has no object as row 1"),
            (&["<html>"], "request 1 is no JSON"),
            (&["{\"a\":1}\n{\"a\":"], "request 1 is no JSON"),
            (&[""], "without any row"),
        ] {
            let fault = settled(answers).unwrap_err();
            assert_eq!(fault.code, code::HTTP_ANSWER_INVALID);
            assert!(fault.message.contains(place), "{fault}");
        }
    }
}
