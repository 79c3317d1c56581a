//! Dates that the engine does not read by itself: with slashes or dots, or written as a pattern says.

use std::{fmt, sync::Arc};

use chrono::format::{Item, Parsed, StrftimeItems};

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, Date32Array, TimestampMicrosecondArray},
        compute::cast,
        datatypes::DataType,
        error::ArrowError,
    },
    error::DataFusionError,
    logical_expr::{ColumnarValue, Expr, Volatility, create_udf},
};

use crate::{Fault, types::Kind};

/// How a date is written: ten characters, the same everywhere in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// 2012-01-31
    Iso,
    /// 2012/01/31
    Slashes,
    /// 31.01.2012
    Dots,
}

impl Format {
    pub const ALL: [Self; 3] = [Self::Iso, Self::Slashes, Self::Dots];

    /// Days since 1970-01-01, if the text is a date in this form.
    pub fn days(self, text: &str) -> Option<i32> {
        let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
        let (separator, year, month, day) = match self {
            Self::Iso => (b'-', 0..4, 5..7, 8..10),
            Self::Slashes => (b'/', 0..4, 5..7, 8..10),
            Self::Dots => (b'.', 6..10, 3..5, 0..2),
        };
        let separators = if self == Self::Dots { [2, 5] } else { [4, 7] };
        if separators.iter().any(|at| bytes[*at] != separator) {
            return None;
        }
        let date = chrono::NaiveDate::from_ymd_opt(
            i32::try_from(number(&bytes[year])?).ok()?,
            number(&bytes[month])?,
            number(&bytes[day])?,
        )?;
        days_since_1970(date)
    }
}

/// The unit of Date32.
fn days_since_1970(date: chrono::NaiveDate) -> Option<i32> {
    i32::try_from(date.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok()
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum: u32, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

/// The column as dates; a value in another form fails the query.
pub(crate) fn parse(format: Format, column: Expr) -> Expr {
    let read = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue, DataFusionError> {
        let array = ColumnarValue::values_to_arrays(arguments)?;
        let texts = array[0].as_string_view();
        let days =
            texts.iter().map(|text| text.map(|text| format.days(text).ok_or_else(|| not_a_date(text))).transpose());
        let dates: Date32Array = days.collect::<Result<_, ArrowError>>()?;
        Ok(ColumnarValue::Array(Arc::new(dates) as ArrayRef))
    };
    let name = format!("read_date_{format:?}").to_lowercase();
    create_udf(&name, vec![DataType::Utf8View], DataType::Date32, Volatility::Immutable, Arc::new(read))
        .call(vec![column])
}

/// How dates of a column are written, in the words of `strftime`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: String,
    items: Vec<Item<'static>>,
    has_time: bool,
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Pattern {
    /// Reads a pattern; the place says where in the config it stands.
    pub fn new(text: &str, place: &str) -> Result<Self, Fault> {
        let odd = |what: &str| Fault::config(format!("{place}: '{text}' is no way to write a date: {what}"));
        let items = StrftimeItems::new(text).parse_to_owned().map_err(|_| odd("unknown sign after %"))?;
        let has_time = ["%H", "%I", "%T", "%R", "%r", "%X", "%k", "%l", "%s", "%c", "%+"];
        let this = Self { text: text.to_owned(), items, has_time: has_time.iter().any(|sign| text.contains(sign)) };
        // A pattern that does not read what it writes itself lacks the day, the month or the year.
        let example = chrono::DateTime::from_timestamp(981_173_106, 0).unwrap_or_default();
        let written = example.format_with_items(this.items.iter()).to_string();
        match this.parse(&written) {
            Some(_) => Ok(this),
            None => Err(odd("day, month or year is missing")),
        }
    }

    /// What columns written so become.
    pub fn kind(&self) -> Kind {
        if self.has_time { Kind::Timestamp } else { Kind::Date }
    }

    /// Days, or microseconds if there is a time, since 1970-01-01.
    pub fn parse(&self, text: &str) -> Option<i64> {
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, text, self.items.iter()).ok()?;
        if !self.has_time {
            return days_since_1970(parsed.to_naive_date().ok()?).map(i64::from);
        }
        if parsed.minute().is_none() {
            parsed.set_minute(0).ok()?;
        }
        // The time as it stands in its zone, turned into UTC when the zone is written too.
        Some(
            parsed.to_naive_datetime_with_offset(parsed.offset().unwrap_or(0)).ok()?.and_utc().timestamp_micros()
                - i64::from(parsed.offset().unwrap_or(0)) * 1_000_000,
        )
    }

    /// Texts as dates; a value written otherwise fails the query.
    pub fn column(&self, column: Expr) -> Expr {
        let pattern = self.clone();
        let read = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue, DataFusionError> {
            let array = ColumnarValue::values_to_arrays(arguments)?;
            Ok(ColumnarValue::Array(pattern.array(&array[0])?))
        };
        let name = format!("read_date_written_{}", self.text);
        let kind = self.kind().data_type();
        create_udf(&name, vec![DataType::Utf8View], kind, Volatility::Immutable, Arc::new(read)).call(vec![column])
    }

    fn array(&self, texts: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let odd = |text: &str| ArrowError::ParseError(format!("'{text}' is not a date written as {self}"));
        let texts = texts.as_string_view().iter();
        let values = texts.map(|text| text.map(|text| self.parse(text).ok_or_else(|| odd(text))).transpose());
        Ok(self.dates(values.collect::<Result<_, _>>()?))
    }

    /// Texts as dates; a value written otherwise is missing.
    pub fn array_where_it_fits(&self, texts: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let texts = cast(texts, &DataType::Utf8View)?;
        Ok(self.dates(texts.as_string_view().iter().map(|text| text.and_then(|text| self.parse(text))).collect()))
    }

    fn dates(&self, values: Vec<Option<i64>>) -> ArrayRef {
        if self.has_time {
            return Arc::new(TimestampMicrosecondArray::from(values));
        }
        // A day has room in 32 bits, or it would not have been parsed.
        Arc::new(values.into_iter().map(|day| day.map(|day| day as i32)).collect::<Date32Array>())
    }
}

fn not_a_date(text: &str) -> ArrowError {
    ArrowError::ParseError(format!("'{text}' is not a date"))
}

#[cfg(test)]
mod tests {
    use super::{Format, Pattern};

    #[test]
    fn dates_are_read_in_their_own_form_only() {
        assert_eq!(Format::Iso.days("1970-01-02"), Some(1));
        assert_eq!(Format::Slashes.days("2012/01/01"), Some(15_340));
        assert_eq!(Format::Dots.days("31.12.1969"), Some(-1));
        for bad in ["2012-02-30", "2012/01/01", "2012-1-1", "+012-01-01", "2012-01-01 ", "äöüäö"] {
            assert_eq!(Format::Iso.days(bad), None, "{bad}");
        }
    }

    #[test]
    fn patterns_read_dates_and_times() {
        let parse = |pattern: &str, text: &str| Pattern::new(pattern, "x").unwrap().parse(text);
        assert_eq!(parse("%d/%m/%Y", "02/01/1970"), Some(1));
        assert_eq!(parse("%d.%m.%y", "02.01.70"), Some(1));
        assert_eq!(parse("%d %B %Y", "2 January 1970"), Some(1));
        assert_eq!(parse("%d/%m/%Y", "1970-01-02"), None);
        assert_eq!(parse("%d/%m/%Y", "31/02/1970"), None);
        assert_eq!(parse("%Y%m%d %H:%M", "19700101 00:01"), Some(60_000_000));
        assert_eq!(parse("%Y-%m-%d %H", "1970-01-01 01"), Some(3_600_000_000));
        assert_eq!(parse("%Y-%m-%dT%H:%M:%S%z", "1970-01-01T02:00:00+0200"), Some(0));
        for bad in ["%d/%m", "%Q", "date"] {
            assert!(Pattern::new(bad, "x").is_err(), "{bad}");
        }
    }
}
