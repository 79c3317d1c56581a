//! The first rows of a table as JSON objects, in column order; small enough to be one answer.

use serde_json::{Map, Value};

use super::kinds::{self, Kind};
use super::split::{Field, Halt, Splitter};
use crate::domain::dataset::Column;

/// A longer text is cut.
const MAX_CELL_CHARS: usize = 1_000;
/// No more rows once the answer has this size.
const MAX_ANSWER_BYTES: usize = 2 << 20;

/// How much of a file is read on the way to its first rows.
pub(crate) const MAX_READ_BYTES: usize = 32 << 20;

/// Rows as JSON texts, until there are enough.
pub(crate) struct Rows {
    wanted: usize,
    bytes: usize,
    rows: Vec<String>,
}

impl Rows {
    pub fn new(wanted: usize) -> Self {
        Self { wanted, bytes: 0, rows: Vec::with_capacity(wanted) }
    }

    /// Whether no more rows are wanted.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= self.wanted || self.bytes >= MAX_ANSWER_BYTES
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn push(&mut self, row: Map<String, Value>) {
        let text = Value::Object(row).to_string();
        self.bytes += text.len();
        self.rows.push(text);
    }

    pub fn into_texts(self) -> Vec<String> {
        self.rows
    }
}

/// A text of at most 1,000 characters.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Reads rows out of the first bytes of a CSV file.
pub(crate) struct CsvPreview {
    splitter: Splitter,
    cells: Cells,
}

struct Cells {
    columns: Vec<(String, Kind)>,
    header_passed: bool,
    row: Map<String, Value>,
    at: usize,
    rows: Rows,
}

impl CsvPreview {
    /// `columns` are those that were found when the file was uploaded.
    pub fn new(columns: &[Column], delimiter: u8, wanted: usize) -> Self {
        let columns = columns.iter().map(|column| (column.name.clone(), Kind::of(&column.kind))).collect();
        let cells = Cells { columns, header_passed: false, row: Map::new(), at: 0, rows: Rows::new(wanted) };
        Self { splitter: Splitter::new(delimiter), cells }
    }

    /// Takes the next bytes; says whether more are wanted.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        !self.cells.rows.is_full() && self.splitter.feed(bytes, &mut |field| self.cells.see(field)).is_ok()
    }

    /// The rows so far, without the one that is not whole.
    pub fn into_rows(self) -> Vec<String> {
        self.cells.rows.into_texts()
    }

    /// The rows, at the end of the file or when there are enough.
    pub fn finish(mut self) -> Vec<String> {
        if !self.cells.rows.is_full() {
            // Why: a file with a problem shows the rows before it.
            let _ = self.splitter.finish(&mut |field| self.cells.see(field));
        }
        self.cells.rows.into_texts()
    }
}

impl Cells {
    fn see(&mut self, field: Field<'_>) -> Result<(), Halt> {
        if !self.header_passed {
            self.header_passed = field.ends_record;
            return Ok(());
        }
        if let Some((name, kind)) = self.columns.get(self.at) {
            self.row.insert(name.clone(), value(*kind, field.text));
        }
        self.at += 1;
        if !field.ends_record {
            return Ok(());
        }
        let row = std::mem::take(&mut self.row);
        if std::mem::take(&mut self.at) != self.columns.len() {
            return Err(Halt::Enough);
        }
        self.rows.push(row);
        if self.rows.is_full() { Err(Halt::Enough) } else { Ok(()) }
    }
}

/// A value in the type of its column; one that does not fit stays text.
fn value(kind: Kind, text: &str) -> Value {
    let typed = match kind {
        _ if text.is_empty() => return Value::Null,
        Kind::Boolean => kinds::boolean(text).map(Value::from),
        Kind::Int64 => text.parse::<i64>().ok().map(Value::from),
        Kind::Float64 => text.parse::<f64>().ok().map(Value::from),
        Kind::Date => kinds::date(text).map(|date| Value::from(date.to_string())),
        Kind::Timestamp => Some(Value::from(text.replacen(' ', "T", 1))),
        Kind::Text => None,
    };
    typed.unwrap_or_else(|| Value::from(cut(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(file: &[u8], kinds: &[&str], wanted: usize) -> Vec<String> {
        let column =
            |(at, kind): (usize, &&str)| Column { name: format!("c{at}"), kind: (*kind).to_owned(), nullable: true };
        let columns: Vec<_> = kinds.iter().enumerate().map(column).collect();
        let mut preview = CsvPreview::new(&columns, b',', wanted);
        for chunk in file.chunks(3) {
            if !preview.feed(chunk) {
                break;
            }
        }
        preview.finish()
    }

    #[test]
    fn values_have_the_types_of_their_columns() {
        let kinds = ["date", "int64", "float64", "boolean", "string", "timestamp"];
        let file = b"a,b,c,d,e,f\n2012/01/02,9007199254740993,2.50,TRUE,\"x \"\"y\",2012-01-02 03:04:05\nno,,NaN,,,\n";
        assert_eq!(
            preview(file, &kinds, 20),
            [
                r#"{"c0":"2012-01-02","c1":9007199254740993,"c2":2.5,"c3":true,"c4":"x \"y","c5":"2012-01-02T03:04:05"}"#,
                r#"{"c0":"no","c1":null,"c2":null,"c3":null,"c4":null,"c5":null}"#,
            ]
        );
    }

    #[test]
    fn no_more_rows_than_asked_for_and_none_after_a_problem() {
        assert_eq!(preview(b"a\n1\n2\n3\n", &["int64"], 2).len(), 2);
        assert_eq!(preview(b"a\n1\n2,2\n3\n", &["int64"], 9).len(), 1);
        assert_eq!(preview(b"a\n", &["int64"], 9).len(), 0);
        assert!(preview(format!("a\n{}\n", "ä".repeat(5000)).as_bytes(), &["string"], 1)[0].chars().count() < 1020);
    }
}
