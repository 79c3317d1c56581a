//! Names of column types as people see them, and the few types that tables are written in.

use std::{collections::HashSet, sync::Arc};

use datafusion::{
    arrow::datatypes::{DataType, Field, Schema, TimeUnit},
    common::DFSchema,
    logical_expr::{Expr, cast, expr::Alias, ident},
    prelude::DataFrame,
};
use serde::Deserialize;

use crate::{ColumnInfo, Fault};

/// The type of a column as a config names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Boolean,
    Int64,
    Float64,
    Date,
    Timestamp,
    String,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::String => "string",
        }
    }

    /// The type with its article, for messages.
    pub fn phrase(self) -> String {
        let article = if self == Self::Int64 { "an" } else { "a" };
        format!("{article} {}", self.word())
    }

    pub fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::String => DataType::Utf8View,
        }
    }
}

/// The name of a type: one of ours for the usual ones, else the engine's.
pub(crate) fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".into(),
        DataType::Int64 => "int64".into(),
        DataType::Float64 => "float64".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        other => other.to_string(),
    }
}

/// The columns of a table as people see them.
pub(crate) fn columns(schema: &Schema) -> Vec<ColumnInfo> {
    let info = |field: &Arc<Field>| ColumnInfo {
        name: field.name().clone(),
        kind: name(field.data_type()),
        nullable: field.is_nullable(),
    };
    schema.fields().iter().map(info).collect()
}

/// Whether values are text.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The type that values of this type are written in.
fn written_as(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            DataType::Int64
        }
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        // Why the last: an all-NULL column has no Parquet form that every reader knows.
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Null => DataType::Utf8View,
        DataType::Date64 => DataType::Date32,
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Duration(_) => DataType::Int64,
        DataType::Dictionary(_, values) => written_as(values),
        other => other.clone(),
    }
}

/// Casts narrow numbers to int64 and float64, so that tables speak in few types, and drops table qualifiers.
pub(crate) fn normalize(frame: DataFrame) -> Result<DataFrame, Fault> {
    let schema: &DFSchema = frame.schema();
    let plain = schema
        .iter()
        .all(|(qualifier, field)| qualifier.is_none() && written_as(field.data_type()) == *field.data_type());
    if plain {
        return Ok(frame);
    }
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (qualifier, field) in schema.iter() {
        let column = Expr::from((qualifier, field));
        let target = written_as(field.data_type());
        let value = if target == *field.data_type() { column } else { cast(column, target) };
        columns.push(Expr::Alias(Alias::new(value, None::<&str>, field.name())));
    }
    Ok(frame.select(columns)?)
}

/// The column of this name, taken literally.
pub(crate) fn column(name: &str) -> Expr {
    ident(name)
}

/// Whether a table has the column; the fault names what there is.
pub(crate) fn require(schema: &Schema, name: &str, place: &str) -> Result<(), Fault> {
    if schema.column_with_name(name).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).take(50).collect();
    Err(Fault::config(format!("{place}: no column \"{name}\"; the table has {}", known.join(", "))))
}

/// Names of columns, trimmed and each made unique; numbered where there is none.
pub(crate) fn unique_names<'a>(given: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let unique = |(at, given): (usize, &str)| {
        let given = given.trim();
        let wanted = if given.is_empty() { format!("column_{}", at + 1) } else { given.to_owned() };
        let mut name = wanted.clone();
        let mut copy = 2;
        while !taken.insert(name.clone()) {
            name = format!("{wanted}_{copy}");
            copy += 1;
        }
        name
    };
    given.enumerate().map(unique).collect()
}

/// The table with these columns only, in this order.
pub(crate) fn only(frame: DataFrame, columns: &[String]) -> Result<DataFrame, Fault> {
    for name in columns {
        require(frame.schema().as_arrow(), name, "columns")?;
    }
    Ok(frame.select(columns.iter().map(|name| column(name)).collect::<Vec<_>>())?)
}
