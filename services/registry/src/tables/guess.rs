//! Columns of values that have types of their own, as in a workbook or a JSON document: which type holds them all.

use std::collections::HashMap;

use super::kinds::{self, Kind};
use crate::domain::dataset::Column;

/// More columns than any table made by people: such a file has data for names.
const MAX_COLUMNS: usize = 20_000;
/// The longest name of a column, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 4_096;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Missing,
    Boolean,
    Whole,
    Number,
    Date,
    Timestamp,
    Text,
}

impl Class {
    /// Of a text, which may be a date or a time as ISO 8601 has them.
    pub fn of_text(text: &str) -> Self {
        match text {
            _ if kinds::is_iso_date(text) => Self::Date,
            _ if kinds::is_timestamp(text) => Self::Timestamp,
            _ => Self::Text,
        }
    }
}

/// What a column may still be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    seen: u64,
    boolean: bool,
    whole: bool,
    number: bool,
    date: bool,
    timestamp: bool,
}

impl Guess {
    pub const fn new() -> Self {
        Self { seen: 0, boolean: true, whole: true, number: true, date: true, timestamp: true }
    }

    pub fn see(&mut self, class: Class) {
        if class == Class::Missing {
            return;
        }
        self.seen += 1;
        self.boolean &= class == Class::Boolean;
        self.whole &= class == Class::Whole;
        self.number &= matches!(class, Class::Whole | Class::Number);
        self.date &= class == Class::Date;
        self.timestamp &= matches!(class, Class::Date | Class::Timestamp);
    }

    const fn kind(&self) -> Kind {
        match self {
            Self { seen: 0, .. } => Kind::Text,
            Self { boolean: true, .. } => Kind::Boolean,
            Self { whole: true, .. } => Kind::Int64,
            Self { number: true, .. } => Kind::Float64,
            Self { date: true, .. } => Kind::Date,
            Self { timestamp: true, .. } => Kind::Timestamp,
            _ => Kind::Text,
        }
    }

    /// The column of a table with so many rows.
    pub fn column(&self, name: String, rows: u64) -> Column {
        Column { name, kind: self.kind().word().to_owned(), nullable: self.seen < rows || rows == 0 }
    }
}

/// Columns by name, in the order in which they came.
#[derive(Default)]
pub(super) struct Columns {
    places: HashMap<String, usize>,
    columns: Vec<(String, Guess)>,
}

impl Columns {
    /// Takes a value.
    ///
    /// # Errors
    /// What is wrong with the name, or with so many of them.
    pub fn see(&mut self, name: &str, class: Class) -> Result<(), String> {
        let at = match self.places.get(name) {
            Some(at) => *at,
            None if name.len() > MAX_NAME_BYTES => return Err("the name of a column is too long".to_owned()),
            None if self.columns.len() == MAX_COLUMNS => {
                return Err(format!("more than the {MAX_COLUMNS} columns that a table may have"));
            }
            None => {
                self.places.insert(name.to_owned(), self.columns.len());
                self.columns.push((name.to_owned(), Guess::new()));
                self.columns.len() - 1
            }
        };
        self.columns[at].1.see(class);
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The columns of a table with so many rows.
    pub fn into_columns(self, rows: u64) -> Vec<Column> {
        self.columns.into_iter().map(|(name, guess)| guess.column(name, rows)).collect()
    }
}
