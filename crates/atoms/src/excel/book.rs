//! The three kinds of workbooks behind one door, and their cells as values.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use calamine::{DataType, Ods, Range, Reader, Xls, Xlsx};
use zip::ZipArchive;

use super::Sheet;
use crate::{
    Fault,
    cells::{self, Cell},
    fault::code,
};

/// The most that a sheet of an .xlsx file may be when unpacked; it is streamed.
const MAX_SHEET_BYTES: u64 = 4 << 30;
/// The most that any other part may be, and a whole .xls file: these are held in memory.
const MAX_PART_BYTES: u64 = 256 << 20;
/// The most columns that a sheet can have.
const MAX_COLUMN: u32 = 16_384;

/// How .xls files begin.
const COMPOUND_FILE: [u8; 4] = [0xd0, 0xcf, 0x11, 0xe0];

type Input = BufReader<File>;

pub(super) enum Book {
    Xlsx(Box<Xlsx<Input>>),
    Xls(Box<Xls<Input>>),
    Ods(Box<Ods<Input>>),
}

impl Book {
    /// Opens a workbook, whichever kind it is by its content.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let failed = |error: std::io::Error| Fault::from_io(&error);
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = [0; 4];
        let read = file.read(&mut magic).map_err(failed)?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let input = BufReader::new(file);
        if read == 4 && magic == COMPOUND_FILE {
            check_size("the file", size, MAX_PART_BYTES)?;
            return Ok(Self::Xls(Box::new(Xls::new(input).map_err(malformed)?)));
        }
        if read < 4 || !magic.starts_with(b"PK") {
            return Err(malformed("it is no .xlsx, .xls or .ods file"));
        }
        let parts = check_parts(path)?;
        if parts.iter().any(|name| name.eq_ignore_ascii_case("xl/workbook.xml")) {
            Ok(Self::Xlsx(Box::new(Xlsx::new(input).map_err(malformed)?)))
        } else if parts.iter().any(|name| name == "content.xml") {
            Ok(Self::Ods(Box::new(Ods::new(input).map_err(malformed)?)))
        } else {
            Err(malformed("it is an archive without a workbook in it"))
        }
    }

    /// The name of a sheet.
    pub fn sheet(&self, wanted: &Sheet) -> Result<String, Fault> {
        let names = match self {
            Self::Xlsx(book) => book.sheet_names(),
            Self::Xls(book) => book.sheet_names(),
            Self::Ods(book) => book.sheet_names(),
        };
        let found = match wanted {
            Sheet::Place(place) => names.get(place - 1),
            Sheet::Name(name) => names.iter().find(|known| *known == name),
        };
        found.cloned().ok_or_else(|| {
            let wanted = match wanted {
                Sheet::Place(place) => place.to_string(),
                Sheet::Name(name) => format!("\"{name}\""),
            };
            Fault::config(format!("sheet: no sheet {wanted}; the workbook has {}", names.join(", ")))
        })
    }

    /// Calls for each cell with row and column from 0, until the callee has enough; none for a cell with an error.
    pub fn each_cell(
        &mut self,
        sheet: &str,
        mut see: impl FnMut(u32, u32, Option<Cell<'static>>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        match self {
            Self::Xlsx(book) => {
                let mut cells = book.worksheet_cells_reader(sheet).map_err(malformed)?;
                while let Some(found) = cells.next_cell().map_err(malformed)? {
                    let (row, column) = found.get_position();
                    if column < MAX_COLUMN && !see(row, column, cell(found.get_value()))? {
                        break;
                    }
                }
                Ok(())
            }
            Self::Xls(book) => each_of(&book.worksheet_range(sheet).map_err(malformed)?, see),
            Self::Ods(book) => each_of(&book.worksheet_range(sheet).map_err(malformed)?, &mut see),
        }
    }
}

fn each_of(
    range: &Range<calamine::Data>,
    mut see: impl FnMut(u32, u32, Option<Cell<'static>>) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (row, column, value) in range.used_cells() {
        let place = |first: u32, at: usize| first + u32::try_from(at).unwrap_or(u32::MAX - first);
        if !see(place(first_row, row), place(first_column, column), cell(value))? {
            break;
        }
    }
    Ok(())
}

/// The names of an archive's parts, none of which unpacks to more than is bearable. The sizes are those that the
/// archive states: reading beyond them fails.
fn check_parts(path: &Path) -> Result<Vec<String>, Fault> {
    let file = File::open(path).map_err(|error| Fault::from_io(&error))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(malformed)?;
    let mut names = Vec::with_capacity(archive.len());
    for at in 0..archive.len() {
        let part = archive.by_index_raw(at).map_err(malformed)?;
        let name = part.name().map_err(malformed)?.into_owned();
        let streamed = name.to_ascii_lowercase().starts_with("xl/worksheets/");
        check_size(&name, part.size(), if streamed { MAX_SHEET_BYTES } else { MAX_PART_BYTES })?;
        names.push(name);
    }
    Ok(names)
}

fn check_size(what: &str, size: u64, most: u64) -> Result<(), Fault> {
    if size <= most {
        return Ok(());
    }
    let problem = format!("the workbook is too large: {what} has {} MiB and may have {}", size >> 20, most >> 20);
    Err(Fault::lasting(code::TOO_LARGE, problem))
}

fn malformed(error: impl std::fmt::Display) -> Fault {
    Fault::lasting(code::EXCEL_MALFORMED, format!("the workbook cannot be read: {error}"))
}

/// What is in a cell; none for an error.
fn cell(value: &impl DataType) -> Option<Cell<'static>> {
    if value.is_error() {
        return None;
    }
    if let Some(boolean) = value.get_bool() {
        return Some(Cell::Boolean(boolean));
    }
    if let Some(whole) = value.get_int() {
        return Some(Cell::Whole(whole));
    }
    if let Some(number) = value.get_float() {
        return Some(cells::as_whole(number).map_or(Cell::Number(number), Cell::Whole));
    }
    if let Some(at) = value.get_datetime() {
        return Some(time(&at));
    }
    if let Some(text) = value.get_datetime_iso() {
        let time = || cells::micros(text).map(Cell::Timestamp);
        let known = cells::days(text).map(Cell::Date).or_else(time);
        return Some(known.unwrap_or_else(|| Cell::Text(text.to_owned().into())));
    }
    let text = value.get_string().or_else(|| value.get_duration_iso()).unwrap_or_default();
    Some(if text.is_empty() { Cell::Missing } else { Cell::Text(text.to_owned().into()) })
}

/// A date, a time of a day, or both; Excel has one kind of value for them.
fn time(at: &calamine::ExcelDateTime) -> Cell<'static> {
    if at.is_duration() || at.as_f64() < 1.0 {
        let seconds = (at.as_f64() * 86_400.0).round() as i64;
        let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
        return Cell::Text(format!("{hours:02}:{minutes:02}:{:02}", seconds % 60).into());
    }
    let Some(moment) = at.as_datetime() else { return Cell::Number(at.as_f64()) };
    let micros = moment.and_utc().timestamp_micros();
    if at.as_f64().fract() == 0.0 {
        return i32::try_from(micros.div_euclid(86_400_000_000)).map_or(Cell::Timestamp(micros), Cell::Date);
    }
    Cell::Timestamp(micros)
}
