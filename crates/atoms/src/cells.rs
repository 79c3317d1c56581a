//! Values that come one by one, as from a workbook or a JSON document: which type a column of them has, and the column.

use std::{borrow::Cow, sync::Arc};

use chrono::{DateTime, NaiveDate};
use datafusion::arrow::{
    array::{
        ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, RecordBatch, StringViewBuilder,
        TimestampMicrosecondBuilder,
    },
    compute::kernels::cast_utils::string_to_timestamp_nanos,
    datatypes::{Field, Schema, SchemaRef},
};

use crate::{Fault, types::Kind};

/// Rows of a batch.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    Missing,
    Boolean(bool),
    Whole(i64),
    Number(f64),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01.
    Timestamp(i64),
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    /// The value as people write it.
    pub fn text(&self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Boolean(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Date(days) => date(*days).map_or_else(String::new, |date| date.to_string()),
            Self::Timestamp(at) => {
                DateTime::from_timestamp_micros(*at).map_or_else(String::new, |at| at.naive_utc().to_string())
            }
            Self::Text(text) => text.clone().into_owned(),
        }
    }
}

fn date(days: i32) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_signed(chrono::Duration::days(days.into()))
}

/// Days since 1970-01-01 of a date as ISO 8601 has it.
pub(crate) fn days(text: &str) -> Option<i32> {
    crate::csv::dates::Format::Iso.days(text)
}

/// Microseconds since 1970-01-01 of a time as ISO 8601 has it; without a zone it is taken as it stands.
pub(crate) fn micros(text: &str) -> Option<i64> {
    string_to_timestamp_nanos(text).ok().map(|nanos| nanos.div_euclid(1_000))
}

/// What a column may still be.
#[derive(Debug, Clone)]
pub(crate) struct Guess {
    seen: bool,
    boolean: bool,
    whole: bool,
    number: bool,
    date: bool,
    timestamp: bool,
    /// Whether texts are looked at for dates.
    dates_in_text: bool,
}

impl Guess {
    pub fn new(dates_in_text: bool) -> Self {
        Self { seen: false, boolean: true, whole: true, number: true, date: true, timestamp: true, dates_in_text }
    }

    pub fn see(&mut self, cell: &Cell<'_>) {
        let may = |date: bool, timestamp: bool| (date, timestamp);
        let (boolean, whole, number) = match cell {
            Cell::Missing => return,
            Cell::Boolean(_) => (true, false, false),
            Cell::Whole(_) => (false, true, true),
            Cell::Number(_) => (false, false, true),
            _ => (false, false, false),
        };
        let (date, timestamp) = match cell {
            Cell::Date(_) => may(true, true),
            Cell::Timestamp(_) => may(false, true),
            Cell::Text(text) if self.dates_in_text && (self.date || self.timestamp) => {
                let date = days(text).is_some();
                may(date, date || (text.len() > 10 && micros(text).is_some()))
            }
            _ => may(false, false),
        };
        self.seen = true;
        self.boolean &= boolean;
        self.whole &= whole;
        self.number &= number;
        self.date &= date;
        self.timestamp &= timestamp;
    }

    pub fn kind(&self) -> Kind {
        match self {
            _ if !self.seen => Kind::String,
            Self { boolean: true, .. } => Kind::Boolean,
            Self { whole: true, .. } => Kind::Int64,
            Self { number: true, .. } => Kind::Float64,
            Self { date: true, .. } => Kind::Date,
            Self { timestamp: true, .. } => Kind::Timestamp,
            _ => Kind::String,
        }
    }
}

/// The columns of a table that is made row by row.
pub(crate) struct Table {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

impl Table {
    pub fn new(names: &[String], kinds: &[Kind]) -> Self {
        let schema = schema(names, kinds);
        Self { schema, columns: kinds.iter().map(|kind| Column::new(*kind)).collect(), rows: 0 }
    }

    /// Adds a row; `place` names it when a value does not fit, which is a fault of this code.
    pub fn push(&mut self, row: &[Cell<'_>], code: &str, place: impl Fn() -> String) -> Result<(), Fault> {
        for (at, column) in self.columns.iter_mut().enumerate() {
            let cell = row.get(at).unwrap_or(&Cell::Missing);
            column.push(cell).map_err(|kind| {
                let value: String = cell.text().chars().take(100).collect();
                let name = self.schema.field(at).name();
                Fault::lasting(code, format!("{}: column {name}: '{value}' is not {}", place(), kind.phrase()))
            })?;
        }
        self.rows += 1;
        Ok(())
    }

    /// The rows so far, once there are enough for a batch.
    pub fn full(&mut self) -> Result<Option<RecordBatch>, Fault> {
        if self.rows < BATCH_ROWS { Ok(None) } else { self.rest() }
    }

    /// The rows so far, if there are any.
    pub fn rest(&mut self) -> Result<Option<RecordBatch>, Fault> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(None);
        }
        let arrays = self.columns.iter_mut().map(Column::finish).collect();
        Ok(Some(RecordBatch::try_new(self.schema.clone(), arrays)?))
    }
}

/// The schema of such a table.
pub(crate) fn schema(names: &[String], kinds: &[Kind]) -> SchemaRef {
    let fields = names.iter().zip(kinds).map(|(name, kind)| Field::new(name, kind.data_type(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

enum Column {
    Boolean(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    String(StringViewBuilder),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Int64 => Self::Int64(Int64Builder::new()),
            Kind::Float64 => Self::Float64(Float64Builder::new()),
            Kind::Date => Self::Date(Date32Builder::new()),
            Kind::Timestamp => Self::Timestamp(TimestampMicrosecondBuilder::new()),
            Kind::String => Self::String(StringViewBuilder::new()),
        }
    }

    /// The error is the type that the value has not.
    fn push(&mut self, cell: &Cell<'_>) -> Result<(), Kind> {
        let missing = matches!(cell, Cell::Missing);
        match self {
            Self::Boolean(column) => column.append_option(fitting(missing, boolean(cell), Kind::Boolean)?),
            Self::Int64(column) => column.append_option(fitting(missing, whole(cell), Kind::Int64)?),
            Self::Float64(column) => column.append_option(fitting(missing, number(cell), Kind::Float64)?),
            Self::Date(column) => column.append_option(fitting(missing, day(cell), Kind::Date)?),
            Self::Timestamp(column) => column.append_option(fitting(missing, time(cell), Kind::Timestamp)?),
            Self::String(column) => match cell {
                Cell::Missing => column.append_null(),
                Cell::Text(text) => column.append_value(text),
                other => column.append_value(other.text()),
            },
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Int64(column) => Arc::new(column.finish()),
            Self::Float64(column) => Arc::new(column.finish()),
            Self::Date(column) => Arc::new(column.finish()),
            Self::Timestamp(column) => Arc::new(column.finish()),
            Self::String(column) => Arc::new(column.finish()),
        }
    }
}

fn fitting<T>(missing: bool, value: Option<T>, kind: Kind) -> Result<Option<T>, Kind> {
    match value {
        None if !missing => Err(kind),
        value => Ok(value),
    }
}

fn boolean(cell: &Cell<'_>) -> Option<bool> {
    match cell {
        Cell::Boolean(value) => Some(*value),
        Cell::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Cell::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whole numbers that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The whole number that a float is, if it is one and has kept all its digits.
pub(crate) fn as_whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
}

fn whole(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Whole(value) => Some(*value),
        Cell::Number(value) => as_whole(*value),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(cell: &Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Whole(value) => Some(*value as f64),
        Cell::Number(value) => Some(*value),
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn day(cell: &Cell<'_>) -> Option<i32> {
    match cell {
        Cell::Date(days) => Some(*days),
        Cell::Text(text) => days(text),
        _ => None,
    }
}

fn time(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Timestamp(at) => Some(*at),
        Cell::Date(days) => Some(i64::from(*days) * 86_400_000_000),
        Cell::Text(text) => micros(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(cells: &[Cell<'_>]) -> Kind {
        let mut guess = Guess::new(true);
        cells.iter().for_each(|cell| guess.see(cell));
        guess.kind()
    }

    #[test]
    fn the_narrowest_type_that_holds_every_value_is_found() {
        let text = |text: &'static str| Cell::Text(text.into());
        assert_eq!(kind(&[Cell::Missing]), Kind::String);
        assert_eq!(kind(&[Cell::Whole(1), Cell::Missing]), Kind::Int64);
        assert_eq!(kind(&[Cell::Whole(1), Cell::Number(0.5)]), Kind::Float64);
        assert_eq!(kind(&[Cell::Boolean(true), Cell::Whole(1)]), Kind::String);
        assert_eq!(kind(&[Cell::Date(1), text("2020-01-31")]), Kind::Date);
        assert_eq!(kind(&[text("2020-01-31"), text("2020-01-31T10:00:00Z")]), Kind::Timestamp);
        assert_eq!(kind(&[text("2020-01-31"), text("soon")]), Kind::String);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let mut table = Table::new(&["n".into()], &[Kind::Int64]);
        table.push(&[Cell::Number(2.0)], "X", String::new).unwrap();
        let fault = table.push(&[Cell::Number(2.5)], "X", || "row 3".into()).unwrap_err();
        assert_eq!(fault.message, "row 3: column n: '2.5' is not an int64");
    }
}
