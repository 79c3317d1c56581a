//! Which types the columns of a CSV file have, from a sample or from every value.

use std::{fs::File, path::Path};

use datafusion::arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

use super::{Options, dates::Format};
use crate::{Fault, fault::code, types};

/// Rows and bytes of the sample, whichever ends first.
const SAMPLE_ROWS: u64 = 1_000;
const SAMPLE_BYTES: u64 = 4 * 1024 * 1024;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Int64,
    Float64,
    Date(Format),
    Timestamp,
    Text,
    /// A date written as the pattern at this place of the options says.
    Written(usize),
}

impl From<types::Kind> for Kind {
    fn from(declared: types::Kind) -> Self {
        match declared {
            types::Kind::Boolean => Self::Boolean,
            types::Kind::Int64 => Self::Int64,
            types::Kind::Float64 => Self::Float64,
            types::Kind::Date => Self::Date(Format::Iso),
            types::Kind::Timestamp => Self::Timestamp,
            types::Kind::String => Self::Text,
        }
    }
}

impl Kind {
    /// What a value is, for messages.
    fn phrase(self, options: &Options) -> String {
        match self {
            Self::Boolean => "a boolean".into(),
            Self::Int64 => "an int64".into(),
            Self::Float64 => "a float64".into(),
            Self::Date(_) => "a date".into(),
            Self::Timestamp => "a timestamp".into(),
            Self::Text => "a string".into(),
            Self::Written(at) => format!("a date written as {}", options.date_formats[at].1),
        }
    }
}

/// What a sample says: no type for a column without values in it.
pub(super) struct Sample {
    pub kinds: Vec<Option<Kind>>,
    /// Whether the file goes on after the sample.
    pub partial: bool,
}

/// Finds types in the first rows.
pub(super) fn sample(path: &Path, options: &Options, declared: &[Option<Kind>]) -> Result<Sample, Fault> {
    let mut candidates: Vec<Candidate> = declared.iter().map(|kind| Candidate::new(*kind)).collect();
    let mut partial = false;
    each_record(path, options, |record, rows| {
        for (candidate, field) in candidates.iter_mut().zip(record.iter()) {
            candidate.see(field, options);
        }
        partial = rows >= SAMPLE_ROWS || record.position().is_some_and(|place| place.byte() > SAMPLE_BYTES);
        Ok(!partial)
    })?;
    // Why: a declared column that the sample contradicts is left open, so that the exact pass names the line.
    let kinds = candidates.iter().map(|candidate| match candidate.declared {
        Some(kind) => candidate.fits(kind),
        None if partial && !candidate.seen => None,
        None => Some(candidate.kind()),
    });
    Ok(Sample { kinds: kinds.collect(), partial })
}

/// Finds types from every value.
///
/// # Errors
/// `CSV_MALFORMED` with the line of the first value that does not fit its declared type.
pub(super) fn exact(
    path: &Path,
    options: &Options,
    names: &[String],
    declared: &[Option<Kind>],
) -> Result<Vec<Kind>, Fault> {
    let mut candidates: Vec<Candidate> = declared.iter().map(|kind| Candidate::new(*kind)).collect();
    each_record(path, options, |record, _| {
        for (at, field) in record.iter().enumerate().take(candidates.len()) {
            candidates[at].see(field, options);
            if let Some(kind) = declared[at]
                && candidates[at].fits(kind).is_none()
            {
                let line = record.position().map_or(0, csv::Position::line);
                let value: String = field.chars().take(100).collect();
                let problem = format!("line {line}: column {}: '{value}' is not {}", names[at], kind.phrase(options));
                return Err(Fault::lasting(code::CSV_MALFORMED, problem));
            }
        }
        Ok(true)
    })?;
    let kind = |candidate: &Candidate| match candidate.declared {
        Some(kind) => candidate.fits(kind).unwrap_or(kind),
        None => candidate.kind(),
    };
    Ok(candidates.iter().map(kind).collect())
}

/// The file as records, in the same form as the engine's reader has it.
pub(super) fn reader(path: &Path, options: &Options) -> Result<csv::Reader<File>, Fault> {
    let file = File::open(path).map_err(|error| Fault::from_io(&error))?;
    Ok(csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(options.delimiter)
        .quote(options.quote)
        .from_reader(file))
}

/// Calls for each record after the header, with the number of rows so far, until the callee has enough.
fn each_record(
    path: &Path,
    options: &Options,
    mut see: impl FnMut(&csv::StringRecord, u64) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let mut reader = reader(path, options)?;
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    let mut header = options.has_header;
    while reader.read_record(&mut record).map_err(|error| Fault::lasting(code::CSV_MALFORMED, error.to_string()))? {
        if std::mem::take(&mut header) {
            continue;
        }
        rows += 1;
        if !see(&record, rows)? {
            break;
        }
    }
    Ok(())
}

/// What a column may still be.
struct Candidate {
    declared: Option<Kind>,
    seen: bool,
    boolean: bool,
    int64: bool,
    float64: bool,
    dates: [bool; 3],
    timestamp: bool,
    /// Whether every value is written as the declared pattern says.
    written: bool,
}

impl Candidate {
    fn new(declared: Option<Kind>) -> Self {
        Self {
            declared,
            seen: false,
            boolean: true,
            int64: true,
            float64: true,
            dates: [true; 3],
            timestamp: true,
            written: true,
        }
    }

    fn see(&mut self, field: &str, options: &Options) {
        if field.is_empty() || options.null_words.iter().any(|word| word == field) {
            return;
        }
        self.seen = true;
        // Why: declared numbers are taken at their word; found-out ones keep codes like 01234 as text.
        let code = self.declared.is_none() && has_leading_zero(field);
        self.boolean = self.boolean && is_boolean(field);
        self.int64 = self.int64 && !code && field.parse::<i64>().is_ok();
        self.float64 = self.float64 && !code && is_float(field);
        for (at, format) in Format::ALL.into_iter().enumerate() {
            self.dates[at] = self.dates[at] && format.days(field).is_some();
        }
        if let Some(Kind::Written(at)) = self.declared {
            self.written = self.written && options.date_formats[at].1.parse(field).is_some();
        }
        self.timestamp = self.timestamp && field.len() > 10 && string_to_timestamp_nanos(field).is_ok();
    }

    fn date(&self) -> Option<Kind> {
        Format::ALL.into_iter().zip(self.dates).find(|(_, fits)| *fits).map(|(format, _)| Kind::Date(format))
    }

    fn kind(&self) -> Kind {
        match self {
            _ if !self.seen => Kind::Text,
            Self { boolean: true, .. } => Kind::Boolean,
            Self { int64: true, .. } => Kind::Int64,
            Self { float64: true, .. } => Kind::Float64,
            Self { timestamp: true, .. } => Kind::Timestamp,
            _ => self.date().unwrap_or(Kind::Text),
        }
    }

    /// The declared type in the form that the values have, if they all fit.
    fn fits(&self, kind: Kind) -> Option<Kind> {
        let fits = match kind {
            Kind::Boolean => self.boolean,
            Kind::Int64 => self.int64,
            Kind::Float64 => self.float64,
            Kind::Date(_) => return self.date(),
            Kind::Timestamp => self.timestamp,
            Kind::Text => true,
            Kind::Written(_) => self.written,
        };
        fits.then_some(kind)
    }
}

fn has_leading_zero(field: &str) -> bool {
    let digits = field.strip_prefix('-').unwrap_or(field).as_bytes();
    digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit()
}

fn is_boolean(field: &str) -> bool {
    field.eq_ignore_ascii_case("true") || field.eq_ignore_ascii_case("false")
}

/// Numbers as people write them, and NaN. Words like "infinity" stay text, and so do whole numbers beyond 64 bits,
/// whose last digits a float would lose.
fn is_float(field: &str) -> bool {
    let number = field.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let whole = number && !field.bytes().any(|byte| b".eE".contains(&byte));
    field == "NaN" || (number && field.parse::<f64>().is_ok() && (!whole || field.parse::<i64>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(values: &[&str]) -> Kind {
        let options = Options { null_words: vec!["NA".into()], ..Options::default() };
        let mut candidate = Candidate::new(None);
        values.iter().for_each(|value| candidate.see(value, &options));
        candidate.kind()
    }

    #[test]
    fn the_narrowest_type_that_holds_every_value_is_found() {
        assert_eq!(kind_of(&["1", "", "-20", "NA"]), Kind::Int64);
        assert_eq!(kind_of(&["1", "2.5", "1e3", "NaN"]), Kind::Float64);
        assert_eq!(kind_of(&["true", "FALSE"]), Kind::Boolean);
        assert_eq!(kind_of(&["2012-01-31"]), Kind::Date(Format::Iso));
        assert_eq!(kind_of(&["2012/01/31", "2012/02/01"]), Kind::Date(Format::Slashes));
        assert_eq!(kind_of(&["2012-01-31 10:00:00", "2012-01-31T10:00:00.5Z"]), Kind::Timestamp);
    }

    #[test]
    fn what_would_lose_something_stays_text() {
        for values in [
            &["01234"][..],
            &["1", "x"],
            &["1.5", "12345678901234567890123"],
            &["2012-01-31", "2012/01/31"],
            &["2012-02-30"],
            &["inf"],
            &["0x10"],
            &["", "NA"],
            &["true", "1"],
        ] {
            assert_eq!(kind_of(values), Kind::Text, "{values:?}");
        }
    }
}
