//! Workbooks as tables: .xlsx sheets are streamed, older and open ones are small enough to be held.
//!
//! A sheet is gone through twice: once to find the columns and their types, then to give the rows. [`book`] opens the
//! three kinds of files and says what is in their cells.

mod book;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::RangeInclusive,
    path::PathBuf,
};

use serde::Deserialize;

use crate::{
    Fault,
    cells::{Cell, Guess, Table, schema},
    fault::code,
    input::{self, Opened},
    job::Job,
    source::{self, Give, Source},
    types::{self, Kind},
};
use book::Book;

/// Which cells of a workbook are the table.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub sheet: Sheet,
    pub range: Option<Window>,
    pub has_header: bool,
    /// The first row, counted from 1; the first row with a value when not given.
    pub header_row: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { sheet: Sheet::Place(1), range: None, has_header: true, header_row: None }
    }
}

/// A sheet by its name, or its place from 1.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Sheet {
    Place(usize),
    Name(String),
}

/// A part of a sheet, rows and columns counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    rows: RangeInclusive<u32>,
    columns: RangeInclusive<u32>,
}

impl Window {
    /// Reads a range as in `B3:F100`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once(':')?;
        let ((first_row, first_column), (last_row, last_column)) = (corner(from)?, corner(to)?);
        let ordered = first_row <= last_row && first_column <= last_column;
        ordered.then_some(Self { rows: first_row..=last_row, columns: first_column..=last_column })
    }

    fn holds(&self, row: u32, column: u32) -> bool {
        self.rows.contains(&row) && self.columns.contains(&column)
    }
}

/// Row and column of a cell as in `AB12`, from 0.
fn corner(text: &str) -> Option<(u32, u32)> {
    let digits = text.find(|sign: char| sign.is_ascii_digit())?;
    let letters = text[..digits].bytes();
    let column = letters.fold(0, |sum: u32, letter| sum * 26 + u32::from(letter - b'A') + 1);
    Some((text[digits..].parse::<u32>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}

/// Opens a sheet as a table.
pub(crate) async fn open(job: &Job<'_>, path: PathBuf, options: &input::Options) -> Result<Opened, Fault> {
    let (wanted, declared) = (options.excel.clone(), options.declared.clone());
    let found = tokio::task::spawn_blocking(move || examine(path, wanted, &declared))
        .await
        .map_err(|_| Fault::passing(code::INTERNAL, "reading the workbook broke off"))??;
    if found.errors > 0 {
        job.say("warn", format!("{} cells hold an error, as #DIV/0!, and count as missing", found.errors));
    }
    let rows = found.rows;
    let schema = schema(&found.names, &found.kinds);
    Ok(Opened { frame: source::table(&job.session, schema, found)?, rows, guessed_types: false })
}

/// What is known of a sheet after the first pass.
#[derive(Debug)]
struct Found {
    path: PathBuf,
    options: Options,
    /// Places of the columns in the sheet.
    places: Vec<u32>,
    names: Vec<String>,
    kinds: Vec<Kind>,
    header: Option<u32>,
    rows: u64,
    errors: u64,
}

/// A column in the first pass.
struct Facts {
    header: String,
    guess: Guess,
}

fn examine(path: PathBuf, options: Options, declared: &BTreeMap<String, Kind>) -> Result<Found, Fault> {
    let mut columns: BTreeMap<u32, Facts> = BTreeMap::new();
    let (mut header, mut last, mut rows) = (None, None, 0);
    let errors = each_cell(&path, &options, |row, column, cell| {
        let facts = match columns.entry(column) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Facts { header: String::new(), guess: Guess::new(false) }),
        };
        if options.has_header && *header.get_or_insert(row) == row {
            facts.header = cell.text();
        } else {
            facts.guess.see(&cell);
            rows += u64::from(last.replace(row) != Some(row));
        }
        Ok(true)
    })?;
    if columns.is_empty() {
        return Err(Fault::lasting(code::EXCEL_MALFORMED, "the sheet has no value where the table is looked for"));
    }
    let names = types::unique_names(columns.values().map(|facts| facts.header.as_str()));
    if let Some(unknown) = declared.keys().find(|name| !names.contains(name)) {
        return Err(Fault::config(format!("schema: no column \"{unknown}\"; the sheet has {}", names.join(", "))));
    }
    let guessed = columns.values().map(|facts| facts.guess.kind());
    let kinds = names.iter().zip(guessed).map(|(name, guess)| declared.get(name).copied().unwrap_or(guess)).collect();
    Ok(Found { path, options, places: columns.into_keys().collect(), names, kinds, header, rows, errors })
}

impl Source for Found {
    fn read(&self, give: &mut Give<'_>) -> Result<(), Fault> {
        let mut table = Table::new(&self.names, &self.kinds);
        let mut cells = vec![Cell::Missing; self.places.len()];
        let mut current = None;
        let push = |table: &mut Table, cells: &mut Vec<Cell<'static>>, row: u32| {
            let finished = table.push(cells, code::EXCEL_MALFORMED, || format!("row {}", row + 1));
            cells.fill(Cell::Missing);
            finished
        };
        let mut wanted = true;
        each_cell(&self.path, &self.options, |row, column, cell| {
            if self.header == Some(row) {
                return Ok(true);
            }
            if let Some(before) = current.replace(row).filter(|before| *before != row) {
                push(&mut table, &mut cells, before)?;
                if let Some(batch) = table.full()? {
                    wanted = give(batch);
                }
            }
            if let Ok(at) = self.places.binary_search(&column) {
                cells[at] = cell;
            }
            Ok(wanted)
        })?;
        if let (Some(row), true) = (current, wanted) {
            push(&mut table, &mut cells, row)?;
        }
        if let (Some(batch), true) = (table.rest()?, wanted) {
            give(batch);
        }
        Ok(())
    }
}

/// Calls for each cell of the table that has a value, in the order of rows; says how many hold an error instead.
fn each_cell(
    path: &std::path::Path,
    options: &Options,
    mut see: impl FnMut(u32, u32, Cell<'static>) -> Result<bool, Fault>,
) -> Result<u64, Fault> {
    let mut book = Book::open(path)?;
    let sheet = book.sheet(&options.sheet)?;
    let first = options.header_row.map_or(0, |row| row - 1);
    let (mut errors, mut last) = (0, 0);
    book.each_cell(&sheet, |row, column, cell| {
        if row < first || options.range.as_ref().is_some_and(|range| !range.holds(row, column)) {
            return Ok(true);
        }
        // Why: both passes rely on the order, and only a damaged file breaks it.
        if row < last {
            let problem = format!("row {} comes after row {}: the workbook is damaged", row + 1, last + 1);
            return Err(Fault::lasting(code::EXCEL_MALFORMED, problem));
        }
        last = row;
        match cell {
            Some(Cell::Missing) => Ok(true),
            Some(cell) => see(row, column, cell),
            None => {
                errors += 1;
                Ok(true)
            }
        }
    })?;
    Ok(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_people_write_them() {
        let range = Window::parse("B3:AA100").unwrap();
        assert_eq!(range, Window { rows: 2..=99, columns: 1..=26 });
        assert!(range.holds(2, 1) && range.holds(99, 26) && !range.holds(1, 1) && !range.holds(2, 27));
        for bad in ["B3", "C3:B4", "B4:C3", "3:4"] {
            assert_eq!(Window::parse(bad), None, "{bad}");
        }
    }
}
