//! Exponential smoothing as a state space: error, trend and season, each absent, additive or multiplicative.
// Source: Hyndman, Koehler, Ord and Snyder, "Forecasting with exponential smoothing: the state space approach", 2008.

mod fit;
mod interval;
mod smooth;
mod start;

use std::fmt;

pub use fit::{Fit, fit};
pub use smooth::{Parameters, log_likelihood};

use super::{Prediction, Setting, aicc, recent};
use crate::{Error, error::check_rows};

/// How errors come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shock {
    Additive,
    Multiplicative,
}

/// How the level goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    None,
    Additive,
    Damped,
}

/// How the season comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Season {
    None,
    Additive,
    Multiplicative,
}

/// A form of exponential smoothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub shock: Shock,
    pub trend: Trend,
    pub season: Season,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shock = if self.shock == Shock::Additive { "A" } else { "M" };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let season = match self.season {
            Season::None => "N",
            Season::Additive => "A",
            Season::Multiplicative => "M",
        };
        write!(f, "ETS({shock},{trend},{season})")
    }
}

impl Form {
    /// Whether it works with ratios, for which values must be above zero.
    pub fn needs_positive(&self) -> bool {
        self.shock == Shock::Multiplicative || self.season == Season::Multiplicative
    }

    /// What is estimated: smoothing parameters, first states, and the variance.
    fn parameters(&self, season: usize) -> usize {
        let trend = match self.trend {
            Trend::None => 0,
            Trend::Additive => 2,
            Trend::Damped => 3,
        };
        2 + trend + if self.season == Season::None { 0 } else { season } + 1
    }
}

/// The form of least AICc that suits a series.
///
/// # Errors
/// `TooFewRows` or `Constant` when none does.
pub fn select(series: &[f64], season: usize) -> Result<Form, Error> {
    // Values must be positive everywhere, or the form would not fit the whole series.
    let positive = series.iter().all(|value| *value > 0.0);
    let series = recent(series, season);
    let seasonal = season > 1 && series.len() >= 2 * season;
    let mut best: Option<(f64, Form)> = None;
    let mut fault = Error::NoFit("no form of exponential smoothing suits the series".into());
    for form in forms().filter(|form| (positive || !form.needs_positive()) && (seasonal || form.season == Season::None))
    {
        match fit(series, form, season) {
            Ok(fitted) => match aicc(fitted.log_likelihood, form.parameters(season), series.len()) {
                Some(criterion) if best.is_none_or(|(least, _)| criterion < least) => best = Some((criterion, form)),
                _ => {}
            },
            Err(error) => fault = error,
        }
    }
    best.map(|(_, form)| form).ok_or(fault)
}

/// Every form but those known to be unstable: additive errors with a multiplicative season.
fn forms() -> impl Iterator<Item = Form> {
    let shocks = [Shock::Additive, Shock::Multiplicative];
    let trends = [Trend::None, Trend::Additive, Trend::Damped];
    let seasons = [Season::None, Season::Additive, Season::Multiplicative];
    shocks
        .into_iter()
        .flat_map(move |shock| trends.into_iter().map(move |trend| (shock, trend)))
        .flat_map(move |(shock, trend)| seasons.into_iter().map(move |season| Form { shock, trend, season }))
        .filter(|form| form.shock == Shock::Multiplicative || form.season != Season::Multiplicative)
}

pub(super) fn predict(series: &[f64], form: Form, setting: &Setting) -> Result<Prediction, Error> {
    let fitted = fit(series, form, setting.season)?;
    let count = form.parameters(setting.season);
    check_rows(series.len(), count + 1)?;
    let steps = interval::steps(&fitted, series.len() - count + 1, setting);
    Ok(Prediction {
        model: form.to_string(),
        parameters: fitted.parameters.named(form),
        aicc: aicc(fitted.log_likelihood, count, series.len()),
        fitted: fitted.fitted.iter().copied().map(Some).collect(),
        steps,
    })
}
