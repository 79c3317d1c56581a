//! Rules of thumb that every other model has to beat.
// Source: Hyndman and Athanasopoulos, "Forecasting: principles and practice", 3rd edition, sections 5.2 and 5.5.

use super::{Prediction, Setting, steps};
use crate::{Error, error::check_rows};

/// The last value goes on.
pub(super) fn last(series: &[f64], setting: &Setting) -> Result<Prediction, Error> {
    check_rows(series.len(), 2)?;
    repeat(series, 1, setting, "naive")
}

/// The last season goes on.
pub(super) fn seasonal(series: &[f64], setting: &Setting) -> Result<Prediction, Error> {
    if setting.season < 2 {
        return Err(Error::invalid("a seasonal model needs a season of at least 2 steps"));
    }
    check_rows(series.len(), setting.season + 1)?;
    repeat(series, setting.season, setting, "seasonal naive")
}

fn repeat(series: &[f64], lag: usize, setting: &Setting, name: &str) -> Result<Prediction, Error> {
    let rows = series.len();
    let errors = series[lag..].iter().zip(series).map(|(value, before)| (value - before).powi(2));
    let variance = errors.sum::<f64>() / (rows - lag) as f64;
    let means: Vec<f64> = (0..setting.horizon).map(|step| series[rows - lag + step % lag]).collect();
    let deviations: Vec<f64> = (0..setting.horizon).map(|step| (variance * (step / lag + 1) as f64).sqrt()).collect();
    Ok(Prediction {
        model: name.to_owned(),
        parameters: Vec::new(),
        aicc: None,
        fitted: (0..rows).map(|row| row.checked_sub(lag).map(|before| series[before])).collect(),
        steps: steps(&means, &deviations, setting.reach()),
    })
}

/// The line through the first and the last value goes on.
pub(super) fn drift(series: &[f64], setting: &Setting) -> Result<Prediction, Error> {
    check_rows(series.len(), 3)?;
    let rows = series.len();
    let last = series[rows - 1];
    let slope = (last - series[0]) / (rows - 1) as f64;
    let errors = series.windows(2).map(|pair| (pair[1] - pair[0] - slope).powi(2));
    let variance = errors.sum::<f64>() / (rows - 2) as f64;
    let ahead = || (1..=setting.horizon).map(|step| step as f64);
    let means: Vec<f64> = ahead().map(|step| last + slope * step).collect();
    let deviations: Vec<f64> =
        ahead().map(|step| (variance * step * (1.0 + step / (rows - 1) as f64)).sqrt()).collect();
    Ok(Prediction {
        model: "drift".to_owned(),
        parameters: vec![("slope".to_owned(), slope)],
        aicc: None,
        fitted: (0..rows).map(|row| row.checked_sub(1).map(|before| series[before] + slope)).collect(),
        steps: steps(&means, &deviations, setting.reach()),
    })
}
