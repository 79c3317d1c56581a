//! JSON documents record by record, each of bounded size, with the place of what is wrong.

use std::{
    cell::Cell,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    rc::Rc,
};

use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::Value;

use crate::{Fault, Format, fault::code};

/// The longest record; it is held in memory.
const MAX_RECORD_BYTES: u64 = 16 << 20;
/// What some programs write first.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a record is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Line(u64),
    Record(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::Record(record) => write!(formatter, "record {record}"),
        }
    }
}

/// Takes a record; `false` when no more are wanted.
type See<'a> = dyn FnMut(Value, Place) -> Result<bool, Fault> + 'a;

/// Calls for each record of a file.
pub(super) fn each(path: &Path, format: Format, see: &mut See<'_>) -> Result<(), Fault> {
    let mut input = BufReader::new(File::open(path).map_err(|error| Fault::from_io(&error))?);
    if input.fill_buf().map_err(|error| Fault::from_io(&error))?.starts_with(MARK) {
        input.consume(MARK.len());
    }
    if format == Format::Ndjson { lines(input, see) } else { document(input, see) }
}

fn malformed(place: impl fmt::Display, problem: impl fmt::Display) -> Fault {
    Fault::lasting(code::JSON_MALFORMED, format!("{place}: {problem}"))
}

/// What the parser says, without the place, which is of the record and not of the file.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn lines(mut input: impl BufRead, see: &mut See<'_>) -> Result<(), Fault> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = input.by_ref().take(MAX_RECORD_BYTES + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|error| Fault::from_io(&error))?;
        if read == 0 {
            break;
        }
        let place = Place::Line(number);
        if read as u64 > MAX_RECORD_BYTES {
            return Err(malformed(place, too_long()));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = serde_json::from_slice(&line).map_err(|error| malformed(place, words(&error)))?;
        if !see(record, place)? {
            break;
        }
    }
    Ok(())
}

fn too_long() -> String {
    format!("longer than {} MiB, the most that one record may have", MAX_RECORD_BYTES >> 20)
}

/// One array of records, or records one after the other.
fn document(mut input: impl BufRead, see: &mut See<'_>) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::from_io(&error);
    let first = loop {
        let Some(byte) = input.fill_buf().map_err(failed)?.first().copied() else {
            return Err(Fault::lasting(code::JSON_MALFORMED, "the file is empty"));
        };
        if !byte.is_ascii_whitespace() {
            break byte;
        }
        input.consume(1);
    };
    let left = Rc::new(Cell::new(MAX_RECORD_BYTES));
    let reader = Bounded { inner: input, left: left.clone() };
    let mut parser = serde_json::Deserializer::from_reader(reader);
    let mut walk = Walk { see, left, records: 0, end: None };
    let parsed = if first == b'[' {
        (&mut walk).deserialize(&mut parser).and_then(|()| parser.end())
    } else {
        parser.into_iter::<Value>().try_for_each(|record| walk.take(record?))
    };
    match (walk.end, parsed) {
        (Some(end), _) => end,
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if error.is_io() => Err(malformed(Place::Record(walk.records + 1), too_long())),
        (None, Err(error)) => Err(malformed(format!("line {}", error.line()), words(&error))),
    }
}

/// Hands records on until somebody has enough.
struct Walk<'a, 'b> {
    see: &'a mut See<'b>,
    left: Rc<Cell<u64>>,
    records: u64,
    /// Why the walk ended before the document did.
    end: Option<Result<(), Fault>>,
}

impl Walk<'_, '_> {
    fn take(&mut self, record: Value) -> serde_json::Result<()> {
        self.left.set(MAX_RECORD_BYTES);
        self.records += 1;
        self.end = match (self.see)(record, Place::Record(self.records)) {
            Ok(true) => return Ok(()),
            Ok(false) => Some(Ok(())),
            Err(fault) => Some(Err(fault)),
        };
        Err(serde_json::Error::custom("enough"))
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while let Some(record) = records.next_element()? {
            self.take(record).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Fails when a record goes on for too long.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(read as u64).ok_or_else(|| io::Error::other("record too long"))?;
        self.left.set(left);
        Ok(read)
    }
}
