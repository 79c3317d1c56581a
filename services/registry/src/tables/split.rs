//! Splits the bytes of a CSV file into fields as they pass, and notices what is wrong with them.
//!
//! Memory is bounded whatever the file holds: a few hundred bytes of one field are kept, never a line.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

/// How much of a field is kept; the rest is counted and forgotten.
pub(super) const KEPT_BYTES: usize = 4096;
/// The longest record, as the engine that runs workflows has it.
const MAX_RECORD_BYTES: u64 = 16 << 20;

/// A field as it passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Its text, without quotes; cut after [`KEPT_BYTES`].
    pub text: &'a str,
    pub is_cut: bool,
    /// Whether the record ends here.
    pub ends_record: bool,
    /// The line on which the record began, from 1.
    pub line: u64,
}

/// Why reading stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The file is wrong here.
    Problem(String),
    /// The reader has all that it wants.
    Enough,
}

/// Calls somebody for each field.
pub(super) struct Splitter {
    reader: Reader,
    kept: Box<[u8; KEPT_BYTES]>,
    kept_bytes: usize,
    is_cut: bool,
    /// The beginning of a character that the end of the last chunk cut in two.
    half: Vec<u8>,
    /// Line ends that were skipped before the reader saw them.
    skipped_lines: u64,
    at_record_start: bool,
    at_field_start: bool,
    record_line: u64,
    record_bytes: u64,
    /// Quotes of the field, when it begins with one; an odd number means that it is open.
    quotes: Option<u64>,
    quote_line: u64,
    has_begun: bool,
}

impl Splitter {
    pub fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            kept: Box::new([0; KEPT_BYTES]),
            kept_bytes: 0,
            is_cut: false,
            half: Vec::new(),
            skipped_lines: 0,
            at_record_start: true,
            at_field_start: true,
            record_line: 1,
            record_bytes: 0,
            quotes: None,
            quote_line: 1,
            has_begun: false,
        }
    }

    /// Takes the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8], see: &mut impl FnMut(Field<'_>) -> Result<(), Halt>) -> Result<(), Halt> {
        let joined;
        let bytes = if self.half.is_empty() {
            bytes
        } else {
            let mut half = std::mem::take(&mut self.half);
            half.extend_from_slice(bytes);
            joined = half;
            &joined
        };
        let (sound, problem) = sound_part(bytes);
        self.split(&bytes[..sound], see)?;
        match problem {
            Some(problem) => Err(self.problem(self.line(), problem)),
            None => {
                self.half.extend_from_slice(&bytes[sound..]);
                Ok(())
            }
        }
    }

    /// Takes the end of the file.
    pub fn finish(&mut self, see: &mut impl FnMut(Field<'_>) -> Result<(), Halt>) -> Result<(), Halt> {
        if !self.half.is_empty() {
            return Err(self.problem(self.line(), NOT_UTF8));
        }
        if self.quotes.is_some_and(|quotes| quotes % 2 == 1) {
            return Err(self.problem(self.quote_line, "the quote that opens here is never closed"));
        }
        if self.at_record_start {
            return Ok(());
        }
        // Why twice: the last field comes out first, then the end.
        loop {
            let (result, _, written) = self.reader.read_field(&[], &mut self.kept[self.kept_bytes..]);
            self.kept_bytes += written;
            match result {
                ReadFieldResult::Field { record_end } => self.emit(record_end, see)?,
                ReadFieldResult::OutputFull => self.forget_rest(),
                ReadFieldResult::InputEmpty | ReadFieldResult::End => return Ok(()),
            }
        }
    }

    fn split(&mut self, mut bytes: &[u8], see: &mut impl FnMut(Field<'_>) -> Result<(), Halt>) -> Result<(), Halt> {
        if !self.has_begun && !bytes.is_empty() {
            self.has_begun = true;
            // Why: the mark that some programs write first belongs to no field.
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        while !bytes.is_empty() {
            if self.at_record_start {
                let ends = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                self.skipped_lines += count_lines(&bytes[..ends]);
                bytes = &bytes[ends..];
                if bytes.is_empty() {
                    break;
                }
                self.at_record_start = false;
                self.record_line = self.line();
            }
            if std::mem::take(&mut self.at_field_start) {
                self.quotes = (bytes[0] == b'"').then_some(0);
                self.quote_line = self.line();
            }
            let (result, read, written) = self.reader.read_field(bytes, &mut self.kept[self.kept_bytes..]);
            if let Some(quotes) = &mut self.quotes {
                *quotes += memchr::memchr_iter(b'"', &bytes[..read]).count() as u64;
            }
            bytes = &bytes[read..];
            self.kept_bytes += written;
            self.record_bytes += read as u64;
            if self.record_bytes > MAX_RECORD_BYTES {
                let limit = MAX_RECORD_BYTES >> 20;
                return Err(self.problem(
                    self.record_line,
                    &format!("longer than {limit} MiB, the most that one record may have"),
                ));
            }
            match result {
                ReadFieldResult::Field { record_end } => self.emit(record_end, see)?,
                ReadFieldResult::OutputFull => self.forget_rest(),
                ReadFieldResult::InputEmpty | ReadFieldResult::End => {}
            }
        }
        Ok(())
    }

    /// Keeps the beginning of a long field, and a place for the reader to write its rest to.
    fn forget_rest(&mut self) {
        self.is_cut = true;
        // Why half: the reader needs room to go on, and what matters is the beginning.
        self.kept_bytes = KEPT_BYTES / 2;
    }

    fn emit(&mut self, ends_record: bool, see: &mut impl FnMut(Field<'_>) -> Result<(), Halt>) -> Result<(), Halt> {
        let kept = &self.kept[..if self.is_cut { KEPT_BYTES / 2 } else { self.kept_bytes }];
        let text = match std::str::from_utf8(kept) {
            Ok(text) => text,
            // Why: a cut may go through a character; what comes in was checked to be text.
            Err(error) => std::str::from_utf8(&kept[..error.valid_up_to()]).unwrap_or_default(),
        };
        see(Field { text, is_cut: self.is_cut, ends_record, line: self.record_line })?;
        self.kept_bytes = 0;
        self.is_cut = false;
        self.at_field_start = true;
        self.quotes = None;
        if ends_record {
            self.at_record_start = true;
            self.record_bytes = 0;
        }
        Ok(())
    }

    fn line(&self) -> u64 {
        self.reader.line() + self.skipped_lines
    }

    fn problem(&self, line: u64, problem: &str) -> Halt {
        Halt::Problem(format!("line {line}: {problem}"))
    }
}

const NOT_UTF8: &str = "not UTF-8 text: save the file as UTF-8 and upload it again";
const ZERO_BYTE: &str = "a zero byte: this is not a text file, or it is damaged";

/// How many bytes are UTF-8 text without zero bytes, and what ends them; a character cut at the end is no problem yet.
fn sound_part(bytes: &[u8]) -> (usize, Option<&'static str>) {
    let zero = memchr::memchr(0, bytes);
    let text = &bytes[..zero.unwrap_or(bytes.len())];
    match std::str::from_utf8(text) {
        Ok(_) => (text.len(), zero.map(|_| ZERO_BYTE)),
        Err(error) if error.error_len().is_none() && zero.is_none() => (error.valid_up_to(), None),
        Err(error) => (error.valid_up_to(), Some(NOT_UTF8)),
    }
}

/// Line feeds in a run of line ends; the reader counts those alone, too.
fn count_lines(ends: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', ends).count() as u64
}
