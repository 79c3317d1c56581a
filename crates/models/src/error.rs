//! Why a model cannot be fitted, in terms of columns and rows, so that a caller can name them.

/// A model that these numbers do not determine.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There are too few rows for what is to be estimated.
    #[error("at least {needed} rows are needed, and there are {given}")]
    TooFewRows { needed: usize, given: usize },
    /// A value is NaN or infinite; places count from 0.
    #[error("the value in row {row} is not a finite number")]
    NotFinite { row: usize },
    /// A column follows from others; with no others it is constant.
    #[error("column {column} is determined by columns {others:?}")]
    Collinear { column: usize, others: Vec<usize> },
    /// A model of ratios needs positive values.
    #[error("the value in row {row} is not above zero")]
    NotPositive { row: usize },
    /// A value does not vary, so nothing can be learnt from it.
    #[error("{0} is constant")]
    Constant(String),
    /// A setting makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The search for the best parameters ended nowhere.
    #[error("no parameters fit the data: {0}")]
    NoFit(String),
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

/// Refuses what is no finite number.
pub(crate) fn check_finite(values: &[f64]) -> Result<(), Error> {
    values.iter().position(|value| !value.is_finite()).map_or(Ok(()), |row| Err(Error::NotFinite { row }))
}

/// Refuses too few rows.
pub(crate) fn check_rows(given: usize, needed: usize) -> Result<(), Error> {
    if given < needed { Err(Error::TooFewRows { needed, given }) } else { Ok(()) }
}
