//! The kinds of values in text columns, by the same rules as the atom that reads CSV files.

use chrono::{NaiveDate, NaiveTime};

/// The type of a CSV column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Int64,
    Float64,
    Date,
    Timestamp,
    Text,
}

impl Kind {
    /// Its name in schemas.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Text => "string",
        }
    }

    /// Reads the name; what is none of ours is text.
    pub fn of(word: &str) -> Self {
        [Self::Boolean, Self::Int64, Self::Float64, Self::Date, Self::Timestamp]
            .into_iter()
            .find(|kind| kind.word() == word)
            .unwrap_or(Self::Text)
    }
}

/// What a column may still be after the values seen so far.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    seen: bool,
    boolean: bool,
    int64: bool,
    float64: bool,
    /// One for each [`DATE_FORMS`].
    dates: [bool; DATE_FORMS.len()],
    timestamp: bool,
}

impl Candidate {
    pub fn new() -> Self {
        Self {
            seen: false,
            boolean: true,
            int64: true,
            float64: true,
            dates: [true; DATE_FORMS.len()],
            timestamp: true,
        }
    }

    /// Looks at a value; the empty one is a missing value.
    pub fn see(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        self.seen = true;
        // Why: codes like 01234 would lose their zero as numbers.
        let code = has_leading_zero(value);
        self.boolean = self.boolean && boolean(value).is_some();
        self.int64 = self.int64 && !code && value.parse::<i64>().is_ok();
        self.float64 = self.float64 && !code && is_float(value);
        for (fits, form) in self.dates.iter_mut().zip(DATE_FORMS) {
            *fits = *fits && date_in(form, value).is_some();
        }
        self.timestamp = self.timestamp && is_timestamp(value);
    }

    /// The narrowest kind that holds every value.
    pub fn kind(&self) -> Kind {
        match self {
            _ if !self.seen => Kind::Text,
            Self { boolean: true, .. } => Kind::Boolean,
            Self { int64: true, .. } => Kind::Int64,
            Self { float64: true, .. } => Kind::Float64,
            Self { timestamp: true, .. } => Kind::Timestamp,
            _ if self.dates.contains(&true) => Kind::Date,
            _ => Kind::Text,
        }
    }
}

/// 2012-01-31, 2012/01/31 and 31.01.2012: always ten characters.
const DATE_FORMS: [&str; 3] = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y"];

/// `true` and `false` in any case.
pub(crate) fn boolean(value: &str) -> Option<bool> {
    match value {
        _ if value.eq_ignore_ascii_case("true") => Some(true),
        _ if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A date in any of the known forms.
pub(crate) fn date(value: &str) -> Option<NaiveDate> {
    DATE_FORMS.into_iter().find_map(|form| date_in(form, value))
}

/// A date as ISO 8601 has it.
pub(super) fn is_iso_date(value: &str) -> bool {
    date_in(DATE_FORMS[0], value).is_some()
}

fn date_in(form: &str, value: &str) -> Option<NaiveDate> {
    let plain = value.len() == 10 && value.bytes().all(|byte| byte.is_ascii_digit() || b"-/.".contains(&byte));
    if plain { NaiveDate::parse_from_str(value, form).ok() } else { None }
}

/// A date, `T` or a space, a time, and perhaps a zone.
pub(super) fn is_timestamp(value: &str) -> bool {
    let Some((day, rest)) = value.split_at_checked(10) else { return false };
    let Some(time) = rest.strip_prefix(['T', ' ']) else { return false };
    let time = match time.strip_suffix(['Z', 'z']) {
        Some(time) => time,
        None => match time.rfind(['+', '-']) {
            Some(at) if is_offset(&time[at + 1..]) => &time[..at],
            _ => time,
        },
    };
    date_in(DATE_FORMS[0], day).is_some()
        && (NaiveTime::parse_from_str(time, "%H:%M:%S%.f").is_ok() || NaiveTime::parse_from_str(time, "%H:%M").is_ok())
}

fn is_offset(text: &str) -> bool {
    matches!(text.len(), 2 | 4 | 5) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

fn has_leading_zero(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value).as_bytes();
    digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit()
}

/// Numbers as people write them, and NaN. Words like "infinity" stay text, and so do whole numbers beyond 64 bits, whose
/// last digits a float would lose.
fn is_float(value: &str) -> bool {
    let number = value.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let whole = number && !value.bytes().any(|byte| b".eE".contains(&byte));
    value == "NaN" || (number && value.parse::<f64>().is_ok() && (!whole || value.parse::<i64>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_of(values: &[&str]) -> Kind {
        let mut candidate = Candidate::new();
        values.iter().for_each(|value| candidate.see(value));
        candidate.kind()
    }

    #[test]
    fn the_narrowest_kind_that_holds_every_value_is_found() {
        assert_eq!(kind_of(&["1", "", "-20"]), Kind::Int64);
        assert_eq!(kind_of(&["1", "2.5", "1e3", "NaN"]), Kind::Float64);
        assert_eq!(kind_of(&["true", "FALSE"]), Kind::Boolean);
        assert_eq!(kind_of(&["2012-01-31"]), Kind::Date);
        assert_eq!(kind_of(&["2012/01/31", "2012/02/01"]), Kind::Date);
        assert_eq!(
            kind_of(&["2012-01-31 10:00:00", "2012-01-31T10:00:00.5Z", "2012-01-31T10:00+02:00"]),
            Kind::Timestamp
        );
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
            &["", ""],
            &["true", "1"],
            &["äöüäö"],
            &["2012-01-31Tä"],
        ] {
            assert_eq!(kind_of(values), Kind::Text, "{values:?}");
        }
    }
}
