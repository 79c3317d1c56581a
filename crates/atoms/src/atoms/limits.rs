//! Limits beyond which a value is an outlier, for `outliers` and `clean`.

use datafusion::{
    arrow::datatypes::DataType,
    functions::math::expr_fn::{abs, isnan},
    logical_expr::{Expr, cast, lit},
    prelude::DataFrame,
};
use serde::Deserialize;

use super::{numbers, select::named};
use crate::{
    Fault,
    job::Job,
    profile::{self, ColumnProfile},
    types,
};

/// How far away is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    /// From the quartiles, in interquartile ranges.
    // Source: Tukey, "Exploratory data analysis", 1977.
    #[default]
    Iqr,
    /// From the mean, in standard deviations.
    Zscore,
    /// From the median, in modified z-scores.
    // Source: Iglewicz and Hoaglin, "How to detect and handle outliers", 1993.
    Mad,
}

impl Method {
    pub fn word(self) -> &'static str {
        match self {
            Self::Iqr => "iqr",
            Self::Zscore => "zscore",
            Self::Mad => "mad",
        }
    }

    fn usual_threshold(self) -> f64 {
        match self {
            Self::Iqr => 1.5,
            Self::Zscore => 3.0,
            Self::Mad => 3.5,
        }
    }
}

/// The range of a column in which no value is an outlier.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limits {
    pub column: String,
    pub values: u64,
    /// None when the column has no value, or its middle does not vary.
    pub range: Option<(f64, f64)>,
    pub exact: bool,
}

impl Limits {
    /// Whether the column's value is outside; false where it is missing or not a number.
    pub fn outside(&self) -> Expr {
        let Some((lower, upper)) = self.range else { return lit(false) };
        let value = || cast(types::column(&self.column), DataType::Float64);
        // Why the second: to the engine, what is not a number is greater or less than all numbers.
        value().is_not_null().and(!isnan(value())).and(value().lt(lit(lower)).or(value().gt(lit(upper))))
    }
}

/// Finds the limits of columns.
pub(super) async fn find(
    job: &Job<'_>,
    frame: &DataFrame,
    columns: &[String],
    method: Method,
    threshold: Option<f64>,
) -> Result<Vec<Limits>, Fault> {
    let threshold = threshold.unwrap_or(method.usual_threshold());
    let profiles = profile::table(numbers::only(frame.clone(), columns)?, 0, 0).await?;
    let spreads = if method == Method::Mad { Some(distances(frame, &profiles).await?) } else { None };
    let mut found = Vec::with_capacity(columns.len());
    for (at, profile) in profiles.iter().enumerate() {
        let range = match (method, &profile.quantiles) {
            (Method::Iqr, Some(at)) => around(at.p25, at.p75, threshold * (at.p75 - at.p25)),
            (Method::Zscore, _) => {
                profile.mean.zip(profile.stddev).and_then(|(mean, stddev)| around(mean, mean, threshold * stddev))
            }
            (Method::Mad, Some(middle)) => spreads.as_ref().and_then(|spreads| {
                let distance = spreads[at].quantiles.as_ref()?.p50;
                // 0.6745 makes the median distance of normal values one standard deviation.
                around(middle.p50, middle.p50, threshold * distance / 0.674_5)
            }),
            (_, None) => None,
        };
        let values = profile.rows - profile.missing;
        if range.is_none() && values > 0 {
            job.say("warn", format!("column {}: its middle does not vary, so nothing is far from it", profile.column));
        }
        let exact = method == Method::Zscore || profile.quantiles_are_exact;
        found.push(Limits { column: profile.column.clone(), values, range, exact });
    }
    Ok(found)
}

fn around(low: f64, high: f64, reach: f64) -> Option<(f64, f64)> {
    (reach > 0.0 && reach.is_finite()).then_some((low - reach, high + reach))
}

/// How far values are from their median.
async fn distances(frame: &DataFrame, profiles: &[ColumnProfile]) -> Result<Vec<ColumnProfile>, Fault> {
    let distance = |profile: &ColumnProfile| {
        let middle = profile.quantiles.as_ref().map_or(0.0, |at| at.p50);
        named(abs(cast(types::column(&profile.column), DataType::Float64) - lit(middle)), &profile.column)
    };
    let columns: Vec<Expr> = profiles.iter().map(distance).collect();
    profile::table(frame.clone().select(columns)?, 0, 0).await
}
