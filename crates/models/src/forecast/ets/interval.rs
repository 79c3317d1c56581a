//! How far the future may lie from what is expected: by formula where there is one, else by many possible futures.

use super::{
    Fit, Season, Shock,
    smooth::{Parameters, State},
};
use crate::{
    distribution::Chance,
    forecast::{self, Setting, Step},
};

/// Futures tried: the ends of a 95 % interval then have a standard error of about 2 % of its width.
const FUTURES: usize = 5_000;
const SEED: u64 = 20_251_121;

/// The steps after a fitted series; `degrees` are rows less what was estimated beside the variance.
pub(super) fn steps(fit: &Fit, degrees: usize, setting: &Setting) -> Vec<Step> {
    let deviation = (fit.squares / degrees.max(1) as f64).sqrt();
    let means = ahead(fit, setting.horizon);
    if fit.form.shock == Shock::Additive && fit.form.season != Season::Multiplicative {
        let deviations = widths(&fit.parameters, setting.horizon, fit.form.season != Season::None);
        let deviations: Vec<f64> = deviations.into_iter().map(|width| width * deviation).collect();
        return forecast::steps(&means, &deviations, setting.reach());
    }
    let ends = simulate(fit, deviation, setting);
    means.into_iter().zip(ends).map(|(value, (low, high))| Step { value, low, high }).collect()
}

/// What is expected when no further error comes.
fn ahead(fit: &Fit, horizon: usize) -> Vec<f64> {
    let mut state = fit.end.clone();
    let step = |_| {
        let expected = state.expected(fit.form, &fit.parameters);
        state.take(0.0, fit.form, &fit.parameters);
        expected
    };
    (0..horizon).map(step).collect()
}

/// Standard deviations in terms of the one-step one, for additive forms.
// Source: Hyndman and others, 2008, table 6.1.
fn widths(parameters: &Parameters, horizon: usize, seasonal: bool) -> Vec<f64> {
    let (mut variance, mut damped, mut slope) = (1.0, 1.0, 0.0);
    let mut widths = vec![1.0];
    for step in 1..horizon {
        damped *= parameters.phi;
        slope += damped;
        let season = if seasonal && step % parameters.season.len() == 0 { parameters.gamma } else { 0.0 };
        let weight = parameters.alpha + parameters.beta * slope + season;
        variance += weight * weight;
        widths.push(f64::sqrt(variance));
    }
    widths
}

fn simulate(fit: &Fit, deviation: f64, setting: &Setting) -> Vec<(f64, f64)> {
    let mut chance = Chance(SEED);
    let mut values = vec![Vec::with_capacity(FUTURES); setting.horizon];
    for _ in 0..FUTURES {
        let mut state: State = fit.end.clone();
        for step in &mut values {
            let expected = state.expected(fit.form, &fit.parameters);
            let shock = deviation * chance.normal();
            let error = if fit.form.shock == Shock::Multiplicative { expected * shock } else { shock };
            step.push(expected + error);
            state.take(error, fit.form, &fit.parameters);
        }
    }
    let outside = (1.0 - setting.level) / 2.0;
    let ends = |mut step: Vec<f64>| {
        step.sort_by(f64::total_cmp);
        (quantile(&step, outside), quantile(&step, 1.0 - outside))
    };
    values.into_iter().map(ends).collect()
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}
