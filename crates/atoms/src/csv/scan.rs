//! One pass over the bytes of a CSV file that finds what is wrong with it, and on which line.
//!
//! Memory is bounded: the pass keeps one block of the file and never a record. It splits records exactly as the
//! engine's reader does, so that what passes here is read whole there.

use std::{fs::File, io::Read, path::Path};

use super::{
    Options,
    scanner::{Scanned, Scanner},
};
use crate::{Fault, fault::code};

/// How much is read at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// Checks a file.
///
/// # Errors
/// `CSV_EMPTY`, or `CSV_MALFORMED` with the line and what is wrong with it.
pub(super) fn file(path: &Path, options: &Options) -> Result<Scanned, Fault> {
    let mut input = File::open(path).map_err(|error| Fault::from_io(&error))?;
    let mut scanner = Scanner::new(options);
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
            break;
        }
        // Why: a character may be cut in two by the end of the block.
        block.copy_within(good..end, 0);
        kept = end - good;
    }
    let mut scanned = scanner.finish()?;
    scanned.header = header(path, options)?;
    Ok(scanned)
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
