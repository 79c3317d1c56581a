//! Parameters of greatest likelihood.

use super::{
    Form, Season, Trend,
    smooth::{Parameters, State, log_likelihood, pass},
    start::{self, Start},
};
use crate::{
    Error,
    error::{check_finite, check_rows},
    optimize,
};

/// A fitted form.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    pub form: Form,
    pub parameters: Parameters,
    pub log_likelihood: f64,
    /// Sum of squared errors, relative ones for multiplicative shocks.
    pub squares: f64,
    /// One step ahead.
    pub fitted: Vec<f64>,
    pub(super) end: State,
}

/// Seasons up to here have their first states estimated; those of longer ones stay as guessed.
const MAX_FREE_SEASON: usize = 24;
const MAX_ITERATIONS: usize = 300;
/// How near a smoothing parameter comes to its limits.
const MARGIN: f64 = 1e-4;
// Source: Hyndman and others, 2008, section 2.6: a slope that is damped more is hardly one, less hardly damped.
const DAMPING: (f64, f64) = (0.8, 0.98);

/// Finds the parameters under which a series is most likely.
///
/// # Errors
/// `TooFewRows`, `NotPositive` for a form of ratios, `Constant` for a series without variation, `NoFit`.
pub fn fit(series: &[f64], form: Form, season: usize) -> Result<Fit, Error> {
    check_finite(series)?;
    let seasonal = form.season != Season::None;
    if seasonal && season < 2 {
        return Err(Error::invalid("a seasonal model needs a season of at least 2 steps"));
    }
    check_rows(series.len(), if seasonal { 2 * season } else { 4 })?;
    if let Some(row) = series.iter().position(|value| form.needs_positive() && *value <= 0.0) {
        return Err(Error::NotPositive { row });
    }
    if series.iter().all(|value| *value == series[0]) {
        return Err(Error::Constant("the series".into()));
    }
    let space = Space::new(series, form, season);
    let cost = |at: &[f64]| log_likelihood(series, form, &space.parameters(at)).map_or(f64::INFINITY, |log| -log);
    let starts = [[0.3, 0.05, 0.1], [0.8, 0.1, 0.3], [0.05, 0.02, 0.02], [0.3, 0.05, 0.9]];
    let found = starts.iter().map(|start| optimize::minimize(cost, &space.start(*start), MAX_ITERATIONS));
    let best = found.min_by(|one, other| one.value.total_cmp(&other.value)).filter(|best| best.value.is_finite());
    let best = best.ok_or_else(|| Error::NoFit(format!("{form} does not suit the series")))?;
    let parameters = space.parameters(&best.at);
    let mut fitted = Vec::with_capacity(series.len());
    let pass = pass(series, form, &parameters, |expected| fitted.push(expected))
        .ok_or_else(|| Error::NoFit(format!("{form} does not suit the series")))?;
    Ok(Fit { form, parameters, log_likelihood: -best.value, squares: pass.squares, fitted, end: pass.end })
}

/// Parameters as free numbers, so that no search can leave what is allowed.
struct Space {
    form: Form,
    guess: Start,
    /// What one unit of a free number moves level and slope by.
    scale: f64,
    slope_scale: f64,
    free_season: bool,
}

impl Space {
    fn new(series: &[f64], form: Form, season: usize) -> Self {
        let rows = series.len() as f64;
        let mean = series.iter().sum::<f64>() / rows;
        let spread = (series.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt();
        let guess = start::guess(series, form, season);
        let free_season = form.season != Season::None && season <= MAX_FREE_SEASON;
        Self { form, guess, scale: spread, slope_scale: spread / 10.0, free_season }
    }

    /// A point from alpha, beta's part of alpha, and gamma's part of what alpha leaves.
    fn start(&self, [alpha, beta, gamma]: [f64; 3]) -> Vec<f64> {
        let mut at = vec![outside(alpha)];
        at.extend((self.form.trend != Trend::None).then(|| outside(beta)));
        at.extend((self.form.season != Season::None).then(|| outside(gamma)));
        at.extend((self.form.trend == Trend::Damped).then_some(1.0));
        at.push(0.0);
        at.extend((self.form.trend != Trend::None).then_some(0.0));
        let season = if self.free_season { self.guess.season.len() - 1 } else { 0 };
        at.resize(at.len() + season, 0.0);
        at
    }

    fn parameters(&self, at: &[f64]) -> Parameters {
        let mut next = at.iter().copied();
        let mut take = || next.next().unwrap_or(0.0);
        let alpha = MARGIN + (1.0 - 2.0 * MARGIN) * inside(take());
        let beta = if self.form.trend == Trend::None { 0.0 } else { alpha * within(take()) };
        let gamma = if self.form.season == Season::None { 0.0 } else { (1.0 - alpha) * within(take()) };
        let damping = DAMPING.1 - DAMPING.0;
        let phi = if self.form.trend == Trend::Damped { DAMPING.0 + damping * inside(take()) } else { 1.0 };
        let level = self.guess.level + self.scale * take();
        let slope = if self.form.trend == Trend::None { 0.0 } else { self.guess.slope + self.slope_scale * take() };
        let mut season = self.guess.season.clone();
        if self.free_season {
            let unit = if self.form.season == Season::Additive { self.scale } else { 0.3 };
            // The last follows from the others: they keep their sum, and the level its meaning.
            if let Some((last, others)) = season.split_last_mut() {
                for figure in others {
                    let moved = unit * take();
                    *figure += moved;
                    *last -= moved;
                }
            }
        }
        Parameters { alpha, beta, gamma, phi, level, slope, season }
    }
}

/// A number between 0 and 1 from any number.
fn inside(free: f64) -> f64 {
    1.0 / (1.0 + (-free).exp())
}

fn within(free: f64) -> f64 {
    MARGIN + (1.0 - 2.0 * MARGIN) * inside(free)
}

/// The number that [`inside`] makes this one of.
fn outside(part: f64) -> f64 {
    (part / (1.0 - part)).ln()
}
