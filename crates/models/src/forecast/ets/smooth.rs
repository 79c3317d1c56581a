//! The recursion: one pass over a series with given parameters.

use super::{Form, Season, Shock, Trend};

/// Smoothing parameters and the states before the first value.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// How much of an error goes into the level.
    pub alpha: f64,
    /// How much of it goes into the slope, per step; 0 without trend.
    pub beta: f64,
    /// How much of it goes into the season; 0 without one.
    pub gamma: f64,
    /// What is left of the slope after a step; 1 undamped.
    pub phi: f64,
    pub level: f64,
    pub slope: f64,
    /// One value for each step of the season, from the first of the series.
    pub season: Vec<f64>,
}

impl Parameters {
    pub(super) fn named(&self, form: Form) -> Vec<(String, f64)> {
        let mut named = vec![("alpha", self.alpha)];
        named.extend((form.trend != Trend::None).then_some(("beta", self.beta)));
        named.extend((form.season != Season::None).then_some(("gamma", self.gamma)));
        named.extend((form.trend == Trend::Damped).then_some(("phi", self.phi)));
        named.push(("level", self.level));
        named.extend((form.trend != Trend::None).then_some(("slope", self.slope)));
        let season = self.season.iter().enumerate().map(|(at, value)| (format!("season_{}", at + 1), *value));
        let season: Vec<_> = if form.season == Season::None { Vec::new() } else { season.collect() };
        named.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(season).collect()
    }
}

/// Where a series stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct State {
    pub level: f64,
    pub slope: f64,
    pub season: Vec<f64>,
    /// Values taken.
    pub at: usize,
}

impl State {
    pub fn first(parameters: &Parameters) -> Self {
        Self { level: parameters.level, slope: parameters.slope, season: parameters.season.clone(), at: 0 }
    }

    /// The next value that the state expects.
    pub fn expected(&self, form: Form, parameters: &Parameters) -> f64 {
        let base = self.level + parameters.phi * self.slope;
        match form.season {
            Season::None => base,
            Season::Additive => base + self.season[self.at % self.season.len()],
            Season::Multiplicative => base * self.season[self.at % self.season.len()],
        }
    }

    /// Moves on by one value that differs from the expected one by `error`, absolutely.
    // Source: as in the module, tables 2.2 and 2.3; a multiplicative error is the absolute one over the expectation.
    pub fn take(&mut self, error: f64, form: Form, parameters: &Parameters) {
        let base = self.level + parameters.phi * self.slope;
        let (mut to_level, mut to_season) = (error, error);
        let place = self.at % self.season.len().max(1);
        if form.season == Season::Multiplicative {
            to_level = error / self.season[place];
            to_season = error / base;
        }
        self.level = base + parameters.alpha * to_level;
        self.slope = parameters.phi * self.slope + parameters.beta * to_level;
        if form.season != Season::None {
            self.season[place] += parameters.gamma * to_season;
        }
        self.at += 1;
    }
}

/// What a pass over a series gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pass {
    /// Of the errors, relative ones for multiplicative shocks.
    pub squares: f64,
    /// The sum of the logarithms of the expectations, for multiplicative shocks.
    pub logs: f64,
    pub end: State,
}

/// Passes over a series; none when an expectation is no number, or not above zero where ratios are taken.
pub(super) fn pass(series: &[f64], form: Form, parameters: &Parameters, mut see: impl FnMut(f64)) -> Option<Pass> {
    let mut state = State::first(parameters);
    let (mut squares, mut logs) = (0.0, 0.0);
    for value in series {
        let expected = state.expected(form, parameters);
        if !expected.is_finite() || form.needs_positive() && expected <= 0.0 {
            return None;
        }
        see(expected);
        let error = value - expected;
        if form.shock == Shock::Multiplicative {
            squares += (error / expected).powi(2);
            logs += expected.ln();
        } else {
            squares += error * error;
        }
        state.take(error, form, parameters);
        let place = (state.at - 1) % state.season.len().max(1);
        if form.season == Season::Multiplicative && state.season[place] <= 0.0 {
            return None;
        }
    }
    squares.is_finite().then_some(Pass { squares, logs, end: state })
}

/// The logarithm of the likelihood of a series, its variance the one that fits best.
// Source: Ord, Koehler and Snyder, "Estimation and prediction for a class of dynamic nonlinear statistical models", 1997.
pub fn log_likelihood(series: &[f64], form: Form, parameters: &Parameters) -> Option<f64> {
    let rows = series.len() as f64;
    let found = pass(series, form, parameters, |_| ())?;
    let log = -0.5 * rows * ((2.0 * std::f64::consts::PI * found.squares / rows).ln() + 1.0) - found.logs;
    log.is_finite().then_some(log)
}
