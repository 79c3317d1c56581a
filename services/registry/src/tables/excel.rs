//! Workbooks: the first sheet of an .xlsx file, its first row with a value being the header. Blocking by nature.
//!
//! Sheets are streamed. The readers of .xls and .ods files hold whole sheets with every empty cell in between, which a tiny
//! file can make larger than any memory; such files are stored, and read by runs, whose memory is bounded.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::sync::Arc;

use bytes::Bytes;
use calamine::{DataRef, DataType, Reader as _, Xlsx};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use trinity_error::{Error, Result};
use trinity_storage::Storage;
use zip::ZipArchive;

use super::csv::unique;
use super::guess::{Class, Guess};
use super::preview::{Rows, cut};
use crate::domain::dataset::{Dataset, Description};
use crate::error;

/// How many workbooks are read at once: each takes memory.
const READERS: usize = 2;
/// The largest file that is read here; larger ones are read by runs.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// The most that a sheet may be when unpacked.
const MAX_SHEET_BYTES: u64 = 512 << 20;
/// The most that all other parts may be: some are held in memory.
const MAX_PARTS_BYTES: u64 = 64 << 20;
/// The most that the list of an archive's main parts may be.
const MAX_RELATIONS_BYTES: u64 = 64 << 10;
/// The most columns that a sheet can have.
const MAX_COLUMNS: u32 = 16_384;

const ELSEWHERE: &str = "it is read by runs alone, as it is an .xls or .ods file, or a large one";

/// Reads workbooks, not too many at once.
pub(crate) struct Reader {
    readers: Arc<Semaphore>,
}

impl Reader {
    pub fn new() -> Self {
        Self { readers: Arc::new(Semaphore::new(READERS)) }
    }

    /// Describes a stored file; one that only runs read has neither rows nor a problem.
    ///
    /// # Errors
    /// `Unavailable` when the object store does not answer.
    pub async fn describe(&self, storage: &Storage, key: &str, size_bytes: u64) -> Result<Description> {
        if size_bytes > MAX_FILE_BYTES {
            return Ok(Description::default());
        }
        let described = self.read(storage, key, size_bytes, |file| describe(&file)).await?;
        Ok(described.unwrap_or_else(|problem| Description { problem: Some(problem), ..Description::default() }))
    }

    /// The first rows as JSON objects.
    ///
    /// # Errors
    /// `FailedPrecondition` when the file is read by runs alone; `Unavailable` when the object store does not answer.
    pub async fn preview(&self, storage: &Storage, dataset: &Dataset, wanted: usize) -> Result<Vec<String>> {
        if dataset.columns.is_empty() {
            return Err(error::dataset_unreadable(ELSEWHERE));
        }
        let names: Vec<String> = dataset.columns.iter().map(|column| column.name.clone()).collect();
        let size_bytes = dataset.size_bytes.unsigned_abs();
        let rows = self.read(storage, &dataset.storage_key, size_bytes, move |file| first_rows(&file, &names, wanted));
        rows.await?.map_err(|problem| error::dataset_unreadable(&problem))
    }

    /// Reads a file on a thread that may block. The inner error is what is wrong with the file.
    async fn read<T: Send + 'static>(
        &self,
        storage: &Storage,
        key: &str,
        size_bytes: u64,
        read: impl FnOnce(Bytes) -> Result<T, String> + Send + 'static,
    ) -> Result<Result<T, String>> {
        let permit = Arc::clone(&self.readers).acquire_owned().await.map_err(Error::internal)?;
        let file = match size_bytes {
            0 => Bytes::new(),
            _ => storage.get_range(key, 0..size_bytes.min(MAX_FILE_BYTES)).await.map_err(error::storage)?,
        };
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            read(file)
        });
        // Why: a reader may panic on a damaged file; that must cost the file, not the service.
        Ok(work.await.unwrap_or_else(|_| Err(malformed("it is damaged"))))
    }
}

fn malformed(problem: impl std::fmt::Display) -> String {
    format!("not a sound Excel file: {problem}")
}

/// What a file is: an .xlsx file by its parts, or one that only runs read.
fn is_xlsx(file: &Bytes) -> Result<bool, String> {
    const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0";
    if file.starts_with(COMPOUND_FILE) {
        return Ok(false);
    }
    let mut archive = ZipArchive::new(Cursor::new(file.clone())).map_err(malformed)?;
    let (mut parts_bytes, mut is_xlsx, mut is_ods) = (0_u64, false, false);
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(malformed)?;
        let name = part.name().map_err(malformed)?.to_ascii_lowercase();
        is_xlsx |= name == "xl/workbook.xml";
        is_ods |= name == "content.xml";
        if !name.starts_with("xl/worksheets/") {
            // Why these alone: pictures and the like are not looked at.
            let counts = name.ends_with(".xml") || name.ends_with(".rels");
            parts_bytes = parts_bytes.saturating_add(if counts { part.size() } else { 0 });
        } else if part.size() > MAX_SHEET_BYTES {
            return Err(malformed(format!("a sheet is larger than {} MiB when unpacked", MAX_SHEET_BYTES >> 20)));
        }
    }
    match (is_xlsx, is_ods) {
        (true, _) if parts_bytes > MAX_PARTS_BYTES => {
            Err(malformed(format!("it is larger than {} MiB when unpacked, beside its sheets", MAX_PARTS_BYTES >> 20)))
        }
        (true, _) => check_package(&mut archive).map(|()| true),
        (false, true) => Ok(false),
        (false, false) => Err(malformed("it is an archive without a workbook in it")),
    }
}

/// Refuses an archive whose workbook lies where only sheets, which are streamed, may be large.
fn check_package(archive: &mut ZipArchive<Cursor<Bytes>>) -> Result<(), String> {
    let mut relations = String::new();
    let part = archive.by_name("_rels/.rels").map_err(malformed)?;
    part.take(MAX_RELATIONS_BYTES).read_to_string(&mut relations).map_err(malformed)?;
    match relations.to_ascii_lowercase() {
        text if ["worksheets", "..", "&"].iter().any(|odd| text.contains(odd)) => {
            Err(malformed("its parts are misplaced"))
        }
        _ => Ok(()),
    }
}

/// Calls for each cell that has a value, row by row, until the callee has enough.
fn each_cell(file: &Bytes, mut see: impl FnMut(u32, u32, &DataRef<'_>) -> bool) -> Result<(), String> {
    let mut book = Xlsx::new(Cursor::new(file.clone())).map_err(malformed)?;
    let sheet = book.sheet_names().first().cloned().ok_or_else(|| malformed("it has no sheet"))?;
    let mut cells = book.worksheet_cells_reader(&sheet).map_err(malformed)?;
    let mut last = 0;
    while let Some(cell) = cells.next_cell().map_err(malformed)? {
        let (row, column) = cell.get_position();
        if row < last {
            return Err(malformed(format!("row {} comes after row {}", row + 1, last + 1)));
        }
        last = row;
        let value = cell.get_value();
        if column < MAX_COLUMNS && class(value) != Class::Missing && !see(row, column, value) {
            break;
        }
    }
    Ok(())
}

fn describe(file: &Bytes) -> Result<Description, String> {
    if !is_xlsx(file)? {
        return Ok(Description::default());
    }
    let mut columns: BTreeMap<u32, (String, Guess)> = BTreeMap::new();
    let (mut header, mut last, mut rows) = (None, None, 0);
    each_cell(file, |row, column, value| {
        let facts = columns.entry(column).or_insert_with(|| (String::new(), Guess::new()));
        if *header.get_or_insert(row) == row {
            facts.0 = text(value);
        } else {
            facts.1.see(class(value));
            rows += u64::from(last.replace(row) != Some(row));
        }
        true
    })?;
    if columns.is_empty() {
        return Err("the first sheet has no value".to_owned());
    }
    let given: Vec<String> = columns.values().map(|(name, _)| cut(name)).collect();
    let columns = unique(&given).into_iter().zip(columns.values()).map(|(name, (_, guess))| guess.column(name, rows));
    Ok(Description { rows: Some(rows), columns: columns.collect(), ..Description::default() })
}

fn first_rows(file: &Bytes, names: &[String], wanted: usize) -> Result<Vec<String>, String> {
    let empty: Map<String, Value> = names.iter().map(|name| (name.clone(), Value::Null)).collect();
    // Why all of the sheet for a few rows: a column may have its first value in the last one, and names go by place.
    let mut places: Vec<u32> = Vec::new();
    each_cell(file, |_, column, _| {
        if let Err(at) = places.binary_search(&column) {
            places.insert(at, column);
        }
        places.len() < names.len()
    })?;
    let mut rows = Rows::new(wanted);
    let (mut header, mut current, mut row_of) = (None, None, empty.clone());
    each_cell(file, |row, column, value| {
        if *header.get_or_insert(row) == row {
            return true;
        }
        if current.replace(row).is_some_and(|before| before != row) {
            rows.push(std::mem::replace(&mut row_of, empty.clone()));
        }
        if let Some(name) = places.binary_search(&column).ok().and_then(|at| names.get(at)) {
            row_of.insert(name.clone(), shown(value));
        }
        !rows.is_full()
    })?;
    if current.is_some() && !rows.is_full() {
        rows.push(row_of);
    }
    Ok(rows.into_texts())
}

fn class(value: &DataRef<'_>) -> Class {
    if value.is_empty() || value.is_error() {
        return Class::Missing;
    }
    if value.get_bool().is_some() {
        return Class::Boolean;
    }
    if let Some(number) = value.get_int().map(|whole| whole as f64).or_else(|| value.get_float()) {
        return if whole(number).is_some() { Class::Whole } else { Class::Number };
    }
    if let Some(at) = value.get_datetime() {
        return match at.as_datetime() {
            _ if at.is_duration() || at.as_f64() < 1.0 => Class::Text,
            None => Class::Number,
            Some(_) if at.as_f64().fract() == 0.0 => Class::Date,
            Some(_) => Class::Timestamp,
        };
    }
    match value.get_datetime_iso() {
        Some(text) => Class::of_text(text),
        None if value.get_string().is_some_and(str::is_empty) => Class::Missing,
        None => Class::Text,
    }
}

/// The whole number that a float holds without a loss.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

fn shown(value: &DataRef<'_>) -> Value {
    match class(value) {
        Class::Missing => Value::Null,
        Class::Boolean => value.get_bool().into(),
        Class::Whole => value.get_int().or_else(|| value.get_float().and_then(whole)).into(),
        Class::Number => value.get_float().or_else(|| value.get_datetime().map(|at| at.as_f64())).into(),
        Class::Date | Class::Timestamp | Class::Text => Value::from(cut(&text(value))),
    }
}

/// A value as people write it.
fn text(value: &DataRef<'_>) -> String {
    if let Some(at) = value.get_datetime() {
        return match (class(value), at.as_datetime()) {
            (Class::Date, Some(moment)) => moment.date().to_string(),
            (Class::Timestamp, Some(moment)) => moment.format("%Y-%m-%dT%H:%M:%S%.f").to_string(),
            (Class::Text, _) => {
                let seconds = (at.as_f64() * 86_400.0).round() as i64;
                format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
            }
            _ => at.as_f64().to_string(),
        };
    }
    match (value.get_float().and_then(whole), value.get_string().or_else(|| value.get_datetime_iso())) {
        (Some(whole), _) => whole.to_string(),
        (None, Some(text)) => text.to_owned(),
        (None, None) => value.as_string().unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "excel_tests.rs"]
mod tests;
