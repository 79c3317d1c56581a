//! From a fitted model to one-step predictions of the past and the steps of the future.

use super::{Fit, fit::differenced, likelihood::innovations, polynomial};
use crate::forecast::{self, Setting, Step};

/// What was expected of each value, and what is of those to come.
pub(super) fn predict(series: &[f64], fit: &Fit, setting: &Setting) -> (Vec<Option<f64>>, Vec<Step>) {
    let order = &fit.order;
    let season = order.season.max(1);
    let mean = fit.coefficients.mean;
    let autoregression = polynomial::autoregression(&fit.coefficients, season);
    let moving_average = polynomial::moving_average(&fit.coefficients, season);
    let changes: Vec<f64> = differenced(series, order).into_iter().map(|value| value - mean).collect();
    let predicted = innovations(&changes, &autoregression, &moving_average, setting.horizon)
        .map(|found| found.predictions)
        .unwrap_or_default();
    let undo = polynomial::integration(order);
    let mut values = series.to_vec();
    let lost = order.lost_rows();
    let mut whole = Vec::with_capacity(predicted.len());
    for (at, change) in predicted.into_iter().enumerate() {
        let place = lost + at;
        let before: f64 = undo.iter().enumerate().map(|(lag, weight)| weight * values[place - lag - 1]).sum();
        let expected = before + change + mean;
        whole.push(expected);
        if place >= series.len() {
            values.push(expected);
        }
    }
    let future = whole.split_off(series.len() - lost);
    let past = std::iter::repeat_n(None, lost).chain(whole.into_iter().map(Some)).collect();
    (past, forecast::steps(&future, &deviations(fit, changes.len(), setting.horizon), setting.reach()))
}

/// Standard deviations of the steps; the variance pays for the coefficients estimated.
// Source: Brockwell and Davis, 1991, section 9.5.
fn deviations(fit: &Fit, rows: usize, horizon: usize) -> Vec<f64> {
    let season = fit.order.season.max(1);
    let own = polynomial::autoregression(&fit.coefficients, season);
    let weights = polynomial::chain(&own, &polynomial::integration(&fit.order));
    let effects = polynomial::impulse(&weights, &polynomial::moving_average(&fit.coefficients, season), horizon);
    let free = rows.saturating_sub(fit.order.coefficients()).max(1) as f64;
    let variance = fit.variance * rows as f64 / free;
    let mut sum = 0.0;
    effects
        .iter()
        .map(|effect| {
            sum += effect * effect;
            (variance * sum).sqrt()
        })
        .collect()
}
