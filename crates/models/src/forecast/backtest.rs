//! How far off a model would have been: fitted on the past of several moments, compared with what came.

use serde::Serialize;

use super::{Model, Setting};
use crate::{Error, error::check_rows};

/// Errors over all moments and steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Errors {
    /// Moments at which the model was fitted.
    pub folds: usize,
    pub mae: f64,
    pub rmse: f64,
    /// In percent; none when a value is zero.
    pub mape: Option<f64>,
    /// In percent, from 0 to 200.
    pub smape: f64,
    /// In terms of the error of the (seasonal) naive rule inside the training rows; none when that is zero.
    pub mase: Option<f64>,
    /// Part of the values that their interval held.
    pub coverage: f64,
}

/// Fits a model at several moments, each `horizon` steps or less after the one before, and compares.
///
/// # Errors
/// `TooFewRows` when not even one moment has enough rows before it; what the model says of a training series.
// Source: Tashman, "Out-of-sample tests of forecasting accuracy", 2000 (rolling origin).
pub fn backtest(model: &Model, series: &[f64], setting: &Setting, folds: usize) -> Result<Errors, Error> {
    let mut sums = Sums::default();
    for origin in origins(series.len(), setting, folds)? {
        let training = &series[..origin];
        let prediction = model.predict(training, setting)?;
        let scale = naive_error(training, setting.season);
        for (actual, step) in series[origin..].iter().zip(&prediction.steps) {
            sums.add(*actual, step, scale);
        }
        sums.folds += 1;
    }
    Ok(sums.finish())
}

/// The numbers of training rows, most first.
fn origins(rows: usize, setting: &Setting, folds: usize) -> Result<Vec<usize>, Error> {
    let least = (2 * setting.season).max(setting.season + 8);
    check_rows(rows, least + setting.horizon)?;
    let last = rows - setting.horizon;
    let room = last - least;
    let step = if folds > 1 { (room / (folds - 1)).clamp(1, setting.horizon) } else { 1 };
    Ok((0..folds.max(1)).map_while(|fold| last.checked_sub(fold * step).filter(|origin| *origin >= least)).collect())
}

/// The mean error of the naive rule at the season inside a series.
fn naive_error(series: &[f64], season: usize) -> f64 {
    let lag = if series.len() > season { season } else { 1 };
    let errors = series[lag..].iter().zip(series).map(|(value, before)| (value - before).abs());
    errors.sum::<f64>() / (series.len() - lag) as f64
}

#[derive(Default)]
struct Sums {
    folds: usize,
    count: f64,
    absolute: f64,
    squared: f64,
    relative: f64,
    zeros: bool,
    symmetric: f64,
    scaled: f64,
    unscaled: bool,
    held: f64,
}

impl Sums {
    fn add(&mut self, actual: f64, step: &super::Step, scale: f64) {
        let error = (actual - step.value).abs();
        self.count += 1.0;
        self.absolute += error;
        self.squared += error * error;
        self.zeros |= actual == 0.0;
        self.relative += error / actual.abs();
        let size = actual.abs() + step.value.abs();
        self.symmetric += if size > 0.0 { 2.0 * error / size } else { 0.0 };
        self.unscaled |= scale == 0.0;
        self.scaled += error / scale;
        self.held += f64::from(u8::from((step.low..=step.high).contains(&actual)));
    }

    fn finish(&self) -> Errors {
        let mean = |sum: f64| sum / self.count;
        Errors {
            folds: self.folds,
            mae: mean(self.absolute),
            rmse: mean(self.squared).sqrt(),
            mape: (!self.zeros).then(|| 100.0 * mean(self.relative)),
            smape: 100.0 * mean(self.symmetric),
            mase: (!self.unscaled).then(|| mean(self.scaled)),
            coverage: mean(self.held),
        }
    }
}
