//! One pass over the bytes of a CSV file that finds what is wrong with it, and on which line.
//!
//! Memory is bounded: the pass keeps one block of the file and never a record. It splits records exactly as the
//! engine's reader does, so that what passes here is read whole there.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    Options,
    scanner::{Scanned, Scanner},
};
use crate::{Fault, fault::code};

/// How much is read at once.
const BLOCK_BYTES: usize = 256 * 1024;
/// From this size on a second thread is worth its start.
const HALVES_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// Checks a file.
///
/// # Errors
/// `CSV_EMPTY`, or `CSV_MALFORMED` with the line and what is wrong with it.
pub(super) fn file(path: &Path, options: &Options) -> Result<Scanned, Fault> {
    let mut scanned = match halves(path, options) {
        Some(scanned) => scanned,
        None => {
            let mut scanner = Scanner::new(options);
            part(path, 0, u64::MAX, &mut scanner)?;
            scanner.finish()?
        }
    };
    scanned.header = header(path, options)?;
    Ok(scanned)
}

/// Checks both halves of a large file at once. None when something is wrong, or when the cut may lie within a quoted
/// field: then one pass over the whole says what is wrong and on which line.
fn halves(path: &Path, options: &Options) -> Option<Scanned> {
    let size = std::fs::metadata(path).ok()?.len();
    if size < HALVES_FROM_BYTES {
        return None;
    }
    let beginning = block_at(path, 0)?;
    let mut scanner = Scanner::new(options);
    scanner.take(&beginning[..sound_part(&beginning, false).0]).ok()?;
    let fields = scanner.fields_expected()?;
    let cut = size / 2 + memchr::memchr(b'\n', &block_at(path, size / 2)?)? as u64 + 1;
    let mut first = Scanner::new(options);
    let mut second = Scanner::within(options, fields);
    let sound = std::thread::scope(|scope| {
        let other = scope.spawn(|| part(path, cut, u64::MAX, &mut second).is_ok());
        let one = part(path, 0, cut, &mut first).is_ok();
        one & other.join().unwrap_or(false)
    });
    if !sound || !first.is_between_records() {
        return None;
    }
    let (first, second) = (first.finish().ok()?, second.finish().ok()?);
    Some(first.and(&second))
}

fn block_at(path: &Path, from: u64) -> Option<Vec<u8>> {
    let mut input = File::open(path).ok()?;
    input.seek(SeekFrom::Start(from)).ok()?;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    input.take(BLOCK_BYTES as u64).read_to_end(&mut block).ok()?;
    Some(block)
}

/// Takes the bytes of a file from `from` until just before `until`.
fn part(path: &Path, from: u64, until: u64, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    let mut input = File::open(path).map_err(|error| Fault::from_io(&error))?;
    input.seek(SeekFrom::Start(from)).map_err(|error| Fault::from_io(&error))?;
    let mut input = input.take(until - from);
    let mut block = vec![0; BLOCK_BYTES];
    let mut kept = 0;
    loop {
        let read = input.read(&mut block[kept..]).map_err(|error| Fault::from_io(&error))?;
        let end = kept + read;
        let last = read == 0;
        let (good, problem) = sound_part(&block[..end], last);
        scanner.take(&block[..good])?;
        if let Some(problem) = problem {
            return Err(scanner.fault(scanner.line, problem));
        }
        if last {
            return Ok(());
        }
        // Why: a character may be cut in two by the end of the block.
        block.copy_within(good..end, 0);
        kept = end - good;
    }
}

/// How many bytes are UTF-8 text without zero bytes, and what ends them.
fn sound_part(bytes: &[u8], last: bool) -> (usize, Option<&'static str>) {
    let zero = memchr::memchr(0, bytes);
    let text = &bytes[..zero.unwrap_or(bytes.len())];
    match std::str::from_utf8(text) {
        Ok(_) => (text.len(), zero.map(|_| "a zero byte: this is not a text file, or it is damaged")),
        Err(error) if error.error_len().is_none() && zero.is_none() && !last => (error.valid_up_to(), None),
        Err(error) => (error.valid_up_to(), Some("not UTF-8 text: save the file as UTF-8 and upload it again")),
    }
}

fn header(path: &Path, options: &Options) -> Result<Vec<String>, Fault> {
    let mut reader = super::infer::reader(path, options)?;
    let mut record = csv::StringRecord::new();
    reader.read_record(&mut record).map_err(|error| Fault::lasting(code::CSV_MALFORMED, error.to_string()))?;
    Ok(record.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect())
}
