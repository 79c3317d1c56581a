//! Series into the future: simple rules, exponential smoothing and ARIMA, with intervals and back-test errors.
//!
//! [`choose`] turns a wish into a [`Model`], [`Model::predict`] fits it and looks ahead, [`backtest`] tells how far off
//! it would have been.

pub mod arima;
mod backtest;
mod choice;
pub mod ets;
mod naive;
pub mod seasonality;

use serde::Serialize;

pub use backtest::{Errors, backtest};
pub use choice::{Choice, Method, choose};

use crate::{Error, distribution, error::check_finite};

/// The longest season that is modelled: days in a year.
pub const MAX_SEASON: usize = 366;

/// A model whose form is fixed; its parameters are estimated anew from each series.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// The last value goes on.
    Naive,
    /// The last season goes on.
    SeasonalNaive,
    /// The line through the first and the last value goes on.
    Drift,
    Ets(ets::Form),
    Arima(arima::Order),
}

/// What a model says of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// As people write it: `ETS(M,Ad,M)`, `ARIMA(0,1,1)(0,1,1)[12]`.
    pub model: String,
    /// Estimated parameters by name.
    pub parameters: Vec<(String, f64)>,
    /// Akaike's criterion, corrected; comparable among models of one family and differencing only.
    pub aicc: Option<f64>,
    /// One step ahead from the values before; none where there are too few before.
    pub fitted: Vec<Option<f64>>,
    pub steps: Vec<Step>,
}

/// One step into the future.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// What a series is predicted with beside the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Steps after which the pattern repeats; 1 for none.
    pub season: usize,
    pub horizon: usize,
    /// Probability that an interval holds the value, as 0.95.
    pub level: f64,
    /// Whether the model sees logarithms; values must then be above zero.
    pub log: bool,
}

impl Setting {
    /// Refuses settings that make no sense, and series that hold what is no number.
    ///
    /// # Errors
    /// `Invalid`, `NotFinite`, `NotPositive`.
    pub fn check(&self, series: &[f64]) -> Result<(), Error> {
        if self.season == 0 || self.season > MAX_SEASON {
            return Err(Error::invalid(format!("a season has 1 to {MAX_SEASON} steps")));
        }
        if self.horizon == 0 || !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::invalid("the horizon is at least 1 and the level between 0 and 1"));
        }
        check_finite(series)?;
        match series.iter().position(|value| self.log && *value <= 0.0) {
            Some(row) => Err(Error::NotPositive { row }),
            None => Ok(()),
        }
    }

    /// How many standard deviations an interval reaches.
    fn reach(&self) -> f64 {
        distribution::normal_quantile(0.5 + self.level / 2.0)
    }
}

impl Model {
    /// Fits the model and predicts the steps after the series.
    ///
    /// # Errors
    /// As [`Setting::check`]; `TooFewRows`; `Constant` or `NoFit` when the form does not suit the series.
    pub fn predict(&self, series: &[f64], setting: &Setting) -> Result<Prediction, Error> {
        setting.check(series)?;
        if !setting.log {
            return self.predict_plain(series, setting);
        }
        let logs: Vec<f64> = series.iter().map(|value| value.ln()).collect();
        let mut prediction = self.predict_plain(&logs, setting)?;
        prediction.model = format!("log {}", prediction.model);
        prediction.fitted.iter_mut().flatten().for_each(|value| *value = value.exp());
        // The middle of the distribution, not its mean: half of all futures lie below.
        for step in &mut prediction.steps {
            *step = Step { value: step.value.exp(), low: step.low.exp(), high: step.high.exp() };
        }
        Ok(prediction)
    }

    fn predict_plain(&self, series: &[f64], setting: &Setting) -> Result<Prediction, Error> {
        match self {
            Self::Naive => naive::last(series, setting),
            Self::SeasonalNaive => naive::seasonal(series, setting),
            Self::Drift => naive::drift(series, setting),
            Self::Ets(form) => ets::predict(series, *form, setting),
            Self::Arima(order) => arima::predict(series, *order, setting),
        }
    }
}

/// Steps from means and standard deviations.
fn steps(means: &[f64], deviations: &[f64], reach: f64) -> Vec<Step> {
    let step = |(value, deviation): (&f64, &f64)| Step {
        value: *value,
        low: value - reach * deviation,
        high: value + reach * deviation,
    };
    means.iter().zip(deviations).map(step).collect()
}

/// The part of a series that is enough to choose a form by: what matters is how it goes lately.
fn recent(series: &[f64], season: usize) -> &[f64] {
    const ENOUGH: usize = 1_000;
    &series[series.len().saturating_sub(ENOUGH.max(6 * season))..]
}

/// Akaike's criterion corrected for few rows; none when there are too few.
// Source: Hurvich and Tsai, "Regression and time series model selection in small samples", 1989.
fn aicc(log_likelihood: f64, parameters: usize, rows: usize) -> Option<f64> {
    let (count, rows) = (parameters as f64, rows as f64);
    let left = rows - count - 1.0;
    (left > 0.0 && log_likelihood.is_finite())
        .then(|| -2.0 * log_likelihood + 2.0 * count + 2.0 * count * (count + 1.0) / left)
}
