//! JSON documents record by record, each of bounded size, with the line of what is wrong.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use serde::de::{Deserializer as _, Error as _, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;

use crate::domain::dataset::Format;

/// The longest record, as the atom that reads such files has it.
const MAX_RECORD_BYTES: u64 = 16 << 20;
/// What some programs write first.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Takes a record; false when no more are wanted.
type See<'a> = dyn FnMut(&RawValue) -> Result<bool, String> + 'a;

/// Calls for each record of a file: the entries of one array, or values one after the other.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn each(file: impl Read, format: Format, see: &mut See<'_>) -> Result<(), String> {
    let mut file = BufReader::new(file);
    if file.fill_buf().map_err(|error| error.to_string())?.starts_with(MARK) {
        file.consume(MARK.len());
    }
    let (first, lines) = first_byte(&mut file)?;
    let Some(first) = first else { return Err("the file is empty".to_owned()) };
    let left = Rc::new(Cell::new(MAX_RECORD_BYTES));
    let mut parser = Deserializer::from_reader(Bounded { file, left: Rc::clone(&left) });
    let mut walk = Walk { see, left, records: 0, end: None };
    let parsed = if format == Format::Json && first == b'[' {
        parser.deserialize_seq(&mut walk).and_then(|()| parser.end())
    } else {
        parser.into_iter::<Box<RawValue>>().try_for_each(|record| walk.take(&record?))
    };
    let place = |error: &serde_json::Error| format!("line {}", error.line() as u64 + lines);
    match (walk.end, parsed) {
        (Some(Ok(())), _) | (None, Ok(())) => Ok(()),
        (Some(Err(problem)), _) => Err(format!("record {}: {problem}", walk.records)),
        (None, Err(error)) if error.is_io() => {
            Err(format!("a record is longer than {} MiB, the most that one may have", MAX_RECORD_BYTES >> 20))
        }
        (None, Err(error)) => {
            let words = error.to_string();
            Err(format!("{}: {}", place(&error), words.split(" at line ").next().unwrap_or_default()))
        }
    }
}

/// The first byte that is no white space, which stays, and how many line ends come before it.
fn first_byte(file: &mut impl BufRead) -> Result<(Option<u8>, u64), String> {
    let mut lines = 0;
    loop {
        let Some(byte) = file.fill_buf().map_err(|error| error.to_string())?.first().copied() else {
            return Ok((None, lines));
        };
        if !byte.is_ascii_whitespace() {
            return Ok((Some(byte), lines));
        }
        lines += u64::from(byte == b'\n');
        file.consume(1);
    }
}

/// Hands records on until somebody has enough.
struct Walk<'a, 'b> {
    see: &'a mut See<'b>,
    left: Rc<Cell<u64>>,
    records: u64,
    /// Why the walk ended before the document did.
    end: Option<Result<(), String>>,
}

impl Walk<'_, '_> {
    fn take(&mut self, record: &RawValue) -> serde_json::Result<()> {
        self.left.set(MAX_RECORD_BYTES);
        self.records += 1;
        self.end = match (self.see)(record) {
            Ok(true) => return Ok(()),
            Ok(false) => Some(Ok(())),
            Err(problem) => Some(Err(problem)),
        };
        Err(serde_json::Error::custom("enough"))
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(record) = entries.next_element::<Box<RawValue>>()? {
            self.take(&record).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Fails beyond what is left for the record.
struct Bounded<R> {
    file: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(target)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other("the record is too long")),
        }
        Ok(read)
    }
}
