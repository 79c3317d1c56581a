//! The result of a query, streamed by COPY in Postgres' text format.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::NaiveDateTime;
use datafusion::arrow::datatypes::SchemaRef;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Column, Executor, SqlSafeStr, Statement, TypeInfo, postgres::PgConnection};

use super::failed;
use crate::{
    Fault,
    cells::{Cell, Table, days, schema},
    fault::code,
    output,
    types::Kind,
};

/// Why read only: the database's owner trusts a reader more than a writer.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
     SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC'; SET LOCAL intervalstyle = 'iso_8601'; \
     SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 3";

/// A query that is known to be one, with its columns.
pub(crate) struct Query {
    text: String,
    names: Vec<String>,
    kinds: Vec<Kind>,
}

impl Query {
    pub fn schema(&self) -> SchemaRef {
        schema(&self.names, &self.kinds)
    }
}

/// Begins a transaction and asks for the query's columns; exact numbers become what `numeric` says.
pub(crate) async fn prepare(connection: &mut PgConnection, query: &str, numeric: Kind) -> Result<Query, Fault> {
    connection.execute(sqlx::raw_sql(BEGIN)).await.map_err(failed)?;
    let text = query.trim().trim_end_matches(';').to_owned();
    // Invariant: what Postgres prepares is one whole statement, so it stays one between parentheses.
    let safe = AssertSqlSafe(text.clone()).into_sql_str();
    let statement = connection.prepare(safe).await.map_err(failed)?;
    let columns = statement.columns();
    if columns.is_empty() {
        return Err(Fault::lasting(code::QUERY_INVALID, "query: only a SELECT gives a table"));
    }
    let names = crate::types::unique_names(columns.iter().map(Column::name));
    let kinds = columns.iter().map(|column| kind(column.type_info().name(), numeric)).collect();
    Ok(Query { text, names, kinds })
}

/// What a type of Postgres becomes; what has no like here becomes text.
fn kind(name: &str, numeric: Kind) -> Kind {
    match name {
        "BOOL" => Kind::Boolean,
        "INT2" | "INT4" | "INT8" | "OID" => Kind::Int64,
        "FLOAT4" | "FLOAT8" => Kind::Float64,
        "NUMERIC" => numeric,
        "DATE" => Kind::Date,
        "TIMESTAMP" | "TIMESTAMPTZ" => Kind::Timestamp,
        _ => Kind::String,
    }
}

/// Writes the rows of a query into a table.
pub(crate) async fn rows(connection: &mut PgConnection, query: &Query, to: &mut output::Table) -> Result<(), Fault> {
    // The line break ends a comment that the query may end with.
    let copy = format!("COPY ({}\n) TO STDOUT (FORMAT text)", query.text);
    let mut chunks = connection.copy_out_raw(&copy).await.map_err(failed)?;
    let mut reader = Reader { table: Table::new(&query.names, &query.kinds), kinds: &query.kinds, rows: 0 };
    let mut rest = Vec::new();
    while let Some(chunk) = chunks.try_next().await.map_err(failed)? {
        reader.take(&mut rest, &chunk)?;
        if let Some(batch) = reader.table.full()? {
            to.write(&batch).await?;
        }
    }
    if let Some(batch) = reader.table.rest()? {
        to.write(&batch).await?;
    }
    Ok(())
}

struct Reader<'a> {
    table: Table,
    kinds: &'a [Kind],
    rows: u64,
}

impl Reader<'_> {
    /// Takes what came, and leaves in `rest` what has no end yet.
    fn take(&mut self, rest: &mut Vec<u8>, chunk: &Bytes) -> Result<(), Fault> {
        rest.extend_from_slice(chunk);
        let mut from = 0;
        while let Some(length) = memchr::memchr(b'\n', &rest[from..]) {
            self.row(&rest[from..from + length])?;
            from += length + 1;
        }
        rest.drain(..from);
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.rows += 1;
        let fields = line.split(|byte| *byte == b'\t').zip(self.kinds);
        let cells: Vec<Cell<'_>> = fields.map(|(field, kind)| cell(field, *kind)).collect();
        let row = self.rows;
        self.table.push(&cells, code::DATA_INVALID, || format!("row {row}"))
    }
}

/// A field of the text format. What does not fit its type stays text, which the table then refuses by name.
fn cell(field: &[u8], kind: Kind) -> Cell<'_> {
    if field == b"\\N" {
        return Cell::Missing;
    }
    let text = unescaped(field);
    let known = match kind {
        Kind::Boolean => Some(Cell::Boolean(text == "t")),
        Kind::Int64 => text.parse().ok().map(Cell::Whole),
        Kind::Float64 => text.parse().ok().map(Cell::Number),
        Kind::Date => days(&text).map(Cell::Date),
        Kind::Timestamp => micros(&text).map(Cell::Timestamp),
        Kind::String => None,
    };
    known.unwrap_or(Cell::Text(text))
}

fn micros(text: &str) -> Option<i64> {
    // Zones are UTC: the transaction says so.
    let text = text.strip_suffix("+00").unwrap_or(text);
    Some(NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?.and_utc().timestamp_micros())
}

/// Source: "Text Format" of COPY in Postgres' manual.
fn unescaped(field: &[u8]) -> Cow<'_, str> {
    if !field.contains(&b'\\') {
        return String::from_utf8_lossy(field);
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut signs = field.iter().copied();
    while let Some(sign) = signs.next() {
        let plain = match sign {
            b'\\' => match signs.next().unwrap_or(b'\\') {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 11,
                other => other,
            },
            other => other,
        };
        bytes.push(plain);
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_postgres_writes_them() {
        assert_eq!(cell(b"\\N", Kind::String), Cell::Missing);
        assert_eq!(cell(b"", Kind::String), Cell::Text("".into()));
        assert_eq!(cell(b"a\\tb\\\\N", Kind::String), Cell::Text("a\tb\\N".into()));
        assert_eq!(cell(b"t", Kind::Boolean), Cell::Boolean(true));
        assert_eq!(cell(b"NaN", Kind::String), Cell::Text("NaN".into()));
        assert_eq!(cell(b"-Infinity", Kind::Float64), Cell::Number(f64::NEG_INFINITY));
        assert_eq!(cell(b"1970-01-01 00:00:00.5+00", Kind::Timestamp), Cell::Timestamp(500_000));
        assert_eq!(cell(b"infinity", Kind::Date), Cell::Text("infinity".into()));
    }
}
