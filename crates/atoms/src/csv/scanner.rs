//! Records, fields and lines of a CSV, byte by byte: what the pass of `scan` remembers between blocks.
//!
//! Source: the states are those of RFC 4180 as `csv-core` reads it, which is the engine's reader; text after a closing
//! quote belongs to the field, and empty lines are no records.

mod plain;

use super::Options;
use crate::{Fault, fault::code};
use plain::Marks;

/// The longest record; the engine holds a record in memory.
const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;
/// More columns than any table made by people.
const MAX_COLUMNS: usize = 20_000;

/// What the pass found out.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Rows without the header.
    pub rows: u64,
    pub columns: Vec<ColumnFacts>,
    pub header: Vec<String>,
    /// Whether the file may not be read in parts: line ends inside quotes, or no line feeds.
    pub unsplittable: bool,
}

/// What is known of a column from looking at bytes only.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnFacts {
    /// Whether a value begins with a zero and another digit.
    pub leading_zero: bool,
    /// The longest value in bytes, with its quotes.
    pub longest: u64,
}

impl Scanned {
    /// What is known of two parts of a file that follow each other.
    pub fn and(mut self, next: &Self) -> Self {
        self.rows += next.rows;
        self.unsplittable |= next.unsplittable;
        for (column, other) in self.columns.iter_mut().zip(&next.columns) {
            column.leading_zero |= other.leading_zero;
            column.longest = column.longest.max(other.longest);
        }
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    /// After a zero that begins a field.
    Zero,
    Field,
    Quoted,
    /// After a quote inside a quoted field: its end, or half of a doubled quote.
    QuoteInQuoted,
}

/// The pass over a file, block by block.
pub(super) struct Scanner<'a> {
    options: &'a Options,
    /// What each byte means outside quotes: 0 nothing, 1 delimiter, 2 line end.
    class: [u8; 256],
    state: State,
    /// Bytes before the block.
    before: u64,
    /// The line that is being read, from 1.
    pub line: u64,
    record_line: u64,
    record_start: u64,
    field_start: u64,
    quote_line: u64,
    /// Whether the record holds line ends inside quotes.
    runs_on: bool,
    after_carriage_return: bool,
    line_feeds: bool,
    fields: usize,
    expected: Option<usize>,
    records: u64,
    /// Records that are no rows.
    headers: u64,
    found: Scanned,
}

impl<'a> Scanner<'a> {
    pub fn new(options: &'a Options) -> Self {
        let mut class = [0; 256];
        class[usize::from(options.delimiter)] = 1;
        class[usize::from(b'\n')] = 2;
        class[usize::from(b'\r')] = 2;
        Self {
            options,
            class,
            state: State::RecordStart,
            before: 0,
            line: 1,
            record_line: 1,
            record_start: 0,
            field_start: 0,
            quote_line: 1,
            runs_on: false,
            after_carriage_return: false,
            line_feeds: false,
            fields: 0,
            expected: None,
            records: 0,
            headers: u64::from(options.has_header),
            found: Scanned::default(),
        }
    }

    /// A pass that begins behind a line end within the file, whose records have `fields` fields. Its lines are counted
    /// from there.
    pub fn within(options: &'a Options, fields: usize) -> Self {
        let mut this = Self::new(options);
        this.expected = Some(fields);
        this.found.columns = vec![ColumnFacts::default(); fields];
        this.line_feeds = true;
        this.headers = 0;
        this
    }

    /// How many fields every record has, once the first one has ended.
    pub fn fields_expected(&self) -> Option<usize> {
        self.expected
    }

    /// Whether the next byte begins a record.
    pub fn is_between_records(&self) -> bool {
        self.state == State::RecordStart
    }

    pub fn take(&mut self, block: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        let mut marks = Marks::new(block, self.options);
        while at < block.len() {
            let byte = block[at];
            match self.state {
                State::RecordStart if self.class[usize::from(byte)] == 2 => {
                    self.line_end(byte);
                    at += 1;
                }
                State::RecordStart => {
                    if let Some(end) = self.plain_record(block, at, &mut marks) {
                        at = end + 1;
                        continue;
                    }
                    self.begin_record(at);
                    // Why: the mark that some programs write first belongs to no field.
                    let mark = self.expected.is_none() && block[at..].starts_with(b"\xef\xbb\xbf");
                    at += if mark { 3 } else { 0 };
                }
                State::FieldStart => {
                    self.field_start = self.before + at as u64;
                    self.state = match byte {
                        b'0' => State::Zero,
                        _ if byte == self.options.quote => State::Quoted,
                        _ => State::Field,
                    };
                    self.quote_line = self.line;
                    at += usize::from(self.state != State::Field);
                }
                State::Zero => {
                    if byte.is_ascii_digit() {
                        self.leading_zero();
                    }
                    self.state = State::Field;
                }
                State::Field => {
                    let plain = block[at..].iter().position(|byte| self.class[usize::from(*byte)] != 0);
                    let Some(plain) = plain else { break };
                    at += plain;
                    self.field_end(at);
                    if block[at] == self.options.delimiter {
                        self.state = State::FieldStart;
                    } else {
                        self.record_end(at)?;
                        self.line_end(block[at]);
                    }
                    at += 1;
                }
                State::Quoted => at = self.quoted(block, at),
                State::QuoteInQuoted if byte == self.options.quote => {
                    self.state = State::Quoted;
                    at += 1;
                }
                State::QuoteInQuoted => {
                    self.check_close(byte)?;
                    self.state = State::Field;
                }
            }
        }
        self.before += block.len() as u64;
        self.check_length(self.before)
    }

    /// Takes a record at once that needs no look at each byte, and gives the place of the line end behind it.
    fn plain_record(&mut self, block: &[u8], at: usize, marks: &mut Marks<'_>) -> Option<usize> {
        self.expected?;
        let end = marks.record(at, self.options, &mut self.found.columns)?;
        // No block is as long as the longest record, so that this one is not too long.
        self.records += 1;
        self.after_carriage_return = false;
        self.line_end(block[end]);
        Some(end)
    }

    /// Goes on to the next quote, counting the lines between.
    fn quoted(&mut self, block: &[u8], at: usize) -> usize {
        let rest = &block[at..];
        let length = memchr::memchr(self.options.quote, rest).unwrap_or(rest.len());
        let inside = &rest[..length];
        let line_feeds = memchr::memchr_iter(b'\n', inside).count() as u64;
        if line_feeds > 0 || memchr::memchr(b'\r', inside).is_some() {
            self.runs_on = true;
            self.found.unsplittable = true;
        }
        self.line += line_feeds;
        if length == rest.len() {
            return block.len();
        }
        if length > 1 && inside[0] == b'0' && inside[1].is_ascii_digit() {
            self.leading_zero();
        }
        self.state = State::QuoteInQuoted;
        at + length + 1
    }

    /// Why only across lines: within one line, text after a closing quote is merely odd, and is read as it stands.
    fn check_close(&self, next: u8) -> Result<(), Fault> {
        if self.class[usize::from(next)] != 0 || self.line == self.quote_line {
            return Ok(());
        }
        let problem = format!(
            "the quote that opens here closes on line {} in the middle of a field: is a quote missing?",
            self.line
        );
        Err(self.fault(self.quote_line, &problem))
    }

    fn begin_record(&mut self, at: usize) {
        self.record_start = self.before + at as u64;
        self.record_line = self.line;
        self.fields = 0;
        self.runs_on = false;
        self.after_carriage_return = false;
        self.state = State::FieldStart;
    }

    fn line_end(&mut self, byte: u8) {
        let second_half = byte == b'\n' && self.after_carriage_return;
        self.line += u64::from(!second_half);
        self.line_feeds |= byte == b'\n';
        self.after_carriage_return = byte == b'\r';
        self.state = State::RecordStart;
    }

    fn column(&mut self) -> Option<&mut ColumnFacts> {
        self.found.columns.get_mut(self.fields)
    }

    fn leading_zero(&mut self) {
        if let Some(column) = self.column() {
            column.leading_zero = true;
        }
    }

    fn field_end(&mut self, at: usize) {
        let length = self.before + at as u64 - self.field_start;
        if let Some(column) = self.column() {
            column.longest = column.longest.max(length);
        }
        self.fields += 1;
    }

    fn record_end(&mut self, at: usize) -> Result<(), Fault> {
        self.check_length(self.before + at as u64)?;
        self.records += 1;
        let Some(expected) = self.expected else {
            if self.fields > MAX_COLUMNS {
                let problem = format!("{} fields, more than the {MAX_COLUMNS} that a table may have", self.fields);
                return Err(self.fault(self.record_line, &problem));
            }
            self.expected = Some(self.fields);
            self.found.columns = vec![ColumnFacts::default(); self.fields];
            return Ok(());
        };
        if self.fields == expected {
            return Ok(());
        }
        let reference = if self.options.has_header { "the header" } else { "the first line" };
        let fields = if self.fields == 1 { "1 field".to_owned() } else { format!("{} fields", self.fields) };
        let mut problem = format!("{fields} where {reference} has {expected}");
        if self.runs_on {
            problem += &format!("; a quoted field runs on to line {}: is a quote missing?", self.line);
        }
        Err(self.fault(self.record_line, &problem))
    }

    fn check_length(&self, end: u64) -> Result<(), Fault> {
        if self.state == State::RecordStart || end - self.record_start <= MAX_RECORD_BYTES {
            return Ok(());
        }
        let mut problem = format!("longer than {} MiB, the most that one record may have", MAX_RECORD_BYTES >> 20);
        if self.state == State::Quoted {
            problem += &format!("; the quote that opens on line {} is not closed by then", self.quote_line);
        }
        Err(self.fault(self.record_line, &problem))
    }

    pub fn finish(mut self) -> Result<Scanned, Fault> {
        if self.state == State::Quoted {
            return Err(self.fault(self.quote_line, "the quote that opens here is never closed"));
        }
        if self.state != State::RecordStart {
            // The last line has no line end; an empty last field has not begun yet.
            if self.state == State::FieldStart {
                self.field_start = self.before;
            }
            self.field_end(0);
            self.record_end(0)?;
        }
        if self.records == 0 {
            return Err(Fault::lasting(code::CSV_EMPTY, "the file is empty"));
        }
        self.found.rows = self.records - self.headers;
        self.found.unsplittable |= !self.line_feeds;
        Ok(self.found)
    }

    pub fn fault(&self, line: u64, problem: &str) -> Fault {
        Fault::lasting(code::CSV_MALFORMED, format!("line {line}: {problem}"))
    }
}
