//! Dates written with slashes or dots, which the engine does not read by itself.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, AsArray, Date32Array},
        datatypes::DataType,
        error::ArrowError,
    },
    error::DataFusionError,
    logical_expr::{ColumnarValue, Expr, Volatility, create_udf},
};

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
        // The unit of Date32: days since the Unix epoch.
        i32::try_from(date.signed_duration_since(chrono::NaiveDate::default()).num_days()).ok()
    }
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

fn not_a_date(text: &str) -> ArrowError {
    ArrowError::ParseError(format!("'{text}' is not a date"))
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn dates_are_read_in_their_own_form_only() {
        assert_eq!(Format::Iso.days("1970-01-02"), Some(1));
        assert_eq!(Format::Slashes.days("2012/01/01"), Some(15_340));
        assert_eq!(Format::Dots.days("31.12.1969"), Some(-1));
        for bad in ["2012-02-30", "2012/01/01", "2012-1-1", "+012-01-01", "2012-01-01 ", "äöüäö"] {
            assert_eq!(Format::Iso.days(bad), None, "{bad}");
        }
    }
}
