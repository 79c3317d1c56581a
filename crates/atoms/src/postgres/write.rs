//! Rows into a table, by COPY, in one transaction.

use std::fmt::Write as _;

use datafusion::arrow::{
    array::{Array, RecordBatch},
    datatypes::{DataType, SchemaRef},
    util::display::{ArrayFormatter, FormatOptions},
};
use serde::Deserialize;
use sqlx::{AssertSqlSafe, Executor, postgres::PgConnection};

use super::{failed, quoted};
use crate::{Fault, fault::code, output::Rows};

/// What becomes of the rows that are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Append,
    Replace,
    Create,
    Upsert,
}

/// Where rows go.
pub(crate) struct Target {
    pub schema: Option<String>,
    pub table: String,
    pub mode: Mode,
    pub key: Vec<String>,
}

/// Where rows wait that replace others.
const STAGING: &str = "trinity_staging";

impl Target {
    /// The table as SQL has it.
    fn name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.table)),
            None => quoted(&self.table),
        }
    }
}

/// Writes all rows, or leaves everything as it was; says how many there were.
pub(crate) async fn rows(connection: &mut PgConnection, target: &Target, mut rows: Rows) -> Result<u64, Fault> {
    run(connection, "BEGIN".into()).await?;
    ready(connection, target, &rows.schema).await?;
    let columns = list(rows.schema.fields().iter().map(|field| field.name()));
    let into = if target.mode == Mode::Upsert { STAGING.to_owned() } else { target.name() };
    let statement = format!("COPY {into} ({columns}) FROM STDIN (FORMAT text)");
    let mut copy = connection.copy_in_raw(&statement).await.map_err(failed)?;
    let mut text = String::new();
    loop {
        match rows.next().await {
            Ok(Some(batch)) => {
                text.clear();
                encode(&batch, &mut text)?;
                copy.send(text.as_bytes()).await.map_err(failed)?;
            }
            Ok(None) => break,
            Err(fault) => {
                // Closing the connection does the same; this is merely more polite.
                let _ = copy.abort("the rows could not be computed").await;
                return Err(fault);
            }
        }
    }
    let count = copy.finish().await.map_err(failed)?;
    if target.mode == Mode::Upsert {
        run(connection, upsert(target, &rows.schema)).await?;
    }
    run(connection, "COMMIT".into()).await?;
    Ok(count)
}

/// Makes the table if it is not there, and clears it if it is to be replaced.
async fn ready(connection: &mut PgConnection, target: &Target, schema: &SchemaRef) -> Result<(), Fault> {
    let name = target.name();
    let there: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(&name)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    match (there, target.mode) {
        (true, Mode::Create) => return Err(Fault::config(format!("table: {name} is there already"))),
        (true, Mode::Replace) => run(connection, format!("DELETE FROM {name}")).await?,
        (true, _) => {}
        (false, _) => run(connection, definition(target, schema)).await?,
    }
    if target.mode == Mode::Upsert {
        let staging = format!("CREATE TEMP TABLE {STAGING} (LIKE {name} INCLUDING DEFAULTS) ON COMMIT DROP");
        run(connection, staging).await?;
    }
    Ok(())
}

async fn run(connection: &mut PgConnection, statement: String) -> Result<(), Fault> {
    // Names in it are quoted; there is no value in it.
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await.map_err(failed)?;
    Ok(())
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn definition(target: &Target, schema: &SchemaRef) -> String {
    let column = |(name, data_type): (&String, &DataType)| format!("{} {}", quoted(name), sql_type(data_type));
    let mut columns: Vec<String> =
        schema.fields().iter().map(|field| column((field.name(), field.data_type()))).collect();
    if target.mode == Mode::Upsert {
        columns.push(format!("UNIQUE ({})", list(target.key.iter())));
    }
    format!("CREATE TABLE {} ({})", target.name(), columns.join(", "))
}

fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".into(),
        DataType::Int64 => "bigint".into(),
        DataType::UInt64 => "numeric(20)".into(),
        DataType::Float64 => "double precision".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Timestamp(_, Some(_)) => "timestamptz".into(),
        DataType::Decimal128(precision, scale) => format!("numeric({precision}, {scale})"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytea".into(),
        _ => "text".into(),
    }
}

fn upsert(target: &Target, schema: &SchemaRef) -> String {
    let (name, key) = (target.name(), list(target.key.iter()));
    let columns = list(schema.fields().iter().map(|field| field.name()));
    let others = schema.fields().iter().filter(|field| !target.key.contains(field.name()));
    let others: Vec<String> = others.map(|field| format!("{0} = EXCLUDED.{0}", quoted(field.name()))).collect();
    let action = if others.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", others.join(", ")) };
    format!("INSERT INTO {name} ({columns}) SELECT {columns} FROM {STAGING} ON CONFLICT ({key}) DO {action}")
}

/// Rows in the text format of COPY.
fn encode(batch: &RecordBatch, to: &mut String) -> Result<(), Fault> {
    let options = FormatOptions::default();
    let formats = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let formats: Vec<ArrayFormatter<'_>> = formats.collect::<Result<_, _>>()?;
    let mut text = String::new();
    for row in 0..batch.num_rows() {
        for (at, (column, format)) in batch.columns().iter().zip(&formats).enumerate() {
            if at > 0 {
                to.push('\t');
            }
            if column.is_null(row) {
                to.push_str("\\N");
                continue;
            }
            text.clear();
            write!(text, "{}", format.value(row)).map_err(|_| unreadable(batch, at))?;
            let is_binary =
                matches!(column.data_type(), DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
            to.push_str(if is_binary { "\\\\x" } else { "" });
            escape(&text, to);
        }
        to.push('\n');
    }
    Ok(())
}

fn unreadable(batch: &RecordBatch, column: usize) -> Fault {
    let name = batch.schema().field(column).name().clone();
    Fault::lasting(code::DATA_INVALID, format!("column {name} holds a value that cannot be written as text"))
}

fn escape(text: &str, to: &mut String) {
    for sign in text.chars() {
        match sign {
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            other => to.push(other),
        }
    }
}
