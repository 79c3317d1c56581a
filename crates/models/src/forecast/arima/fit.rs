//! Coefficients of greatest likelihood.

use super::{
    Coefficients, Order,
    likelihood::{Innovations, innovations},
    polynomial,
};
use crate::{
    Error,
    error::{check_finite, check_rows},
    forecast::seasonality::difference,
    optimize,
};

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    pub order: Order,
    pub coefficients: Coefficients,
    /// Of the differenced series.
    pub log_likelihood: f64,
    /// Of the errors, by greatest likelihood.
    pub variance: f64,
    /// Whether a polynomial is so near to a unit root that another order suits better.
    pub(super) on_the_edge: bool,
}

const MAX_ITERATIONS: usize = 300;
/// Partial correlations beyond which a polynomial has practically a unit root.
const EDGE: f64 = 0.99;
/// The longest series that is fitted: each look at the likelihood passes over all of it.
pub const MAX_ROWS: usize = 20_000;

/// Finds the coefficients under which a series is most likely.
///
/// # Errors
/// `TooFewRows`, `Constant` when nothing varies after differencing, `Invalid` for an order out of range, `NoFit`.
pub fn fit(series: &[f64], order: Order) -> Result<Fit, Error> {
    fit_from(series, order, &[0.0, 0.3, -0.3])
}

/// The same from these first guesses of every first coefficient.
pub(super) fn fit_from(series: &[f64], order: Order, starts: &[f64]) -> Result<Fit, Error> {
    order.check()?;
    check_finite(series)?;
    check_rows(series.len(), order.lost_rows() + (order.coefficients() + 2).max(3))?;
    if series.len() > MAX_ROWS {
        return Err(Error::invalid(format!("an ARIMA model takes at most {MAX_ROWS} rows")));
    }
    let changes = differenced(series, &order);
    let rows = changes.len() as f64;
    let mean = changes.iter().sum::<f64>() / rows;
    let scale = (changes.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / rows).sqrt();
    let size = series.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
    if scale <= 1e-12 * size {
        return Err(Error::Constant("the differenced series".into()));
    }
    let space = Space { order, mean, scale };
    let cost = |free: &[f64]| {
        let found = space.innovations(&changes, &space.coefficients(free).0);
        found.map_or(f64::INFINITY, |found| 0.5 * (rows * (found.squares / rows).ln() + found.logs))
    };
    let found = starts.iter().map(|start| optimize::minimize(cost, &space.start(*start), MAX_ITERATIONS));
    let best = found.min_by(|one, other| one.value.total_cmp(&other.value)).filter(|best| best.value.is_finite());
    let best = best.ok_or_else(|| Error::NoFit(format!("{order} does not suit the series")))?;
    let (coefficients, largest) = space.coefficients(&best.at);
    let found = space.innovations(&changes, &coefficients).map_or(0.0, |found| found.squares);
    let variance = found / rows;
    let log_likelihood = -best.value - 0.5 * rows * ((2.0 * std::f64::consts::PI).ln() + 1.0);
    Ok(Fit { order, coefficients, log_likelihood, variance, on_the_edge: largest > EDGE })
}

/// The logarithm of the likelihood of a differenced series under given coefficients, and the variance that fits best.
pub fn log_likelihood(series: &[f64], order: Order, coefficients: &Coefficients) -> Option<(f64, f64)> {
    let changes = differenced(series, &order);
    let rows = changes.len() as f64;
    let found = Space { order, mean: 0.0, scale: 1.0 }.innovations(&changes, coefficients)?;
    let variance = found.squares / rows;
    Some((-0.5 * (rows * ((2.0 * std::f64::consts::PI * variance).ln() + 1.0) + found.logs), variance))
}

/// The series whose mean stays.
pub(super) fn differenced(series: &[f64], order: &Order) -> Vec<f64> {
    let seasonal = (0..order.seasonal_d).fold(series.to_vec(), |series, _| difference(&series, order.season));
    (0..order.d).fold(seasonal, |series, _| difference(&series, 1))
}

/// Coefficients as free numbers, so that no search can leave what is stationary and invertible.
struct Space {
    order: Order,
    mean: f64,
    /// Standard deviation of the differenced series.
    scale: f64,
}

impl Space {
    fn start(&self, first: f64) -> Vec<f64> {
        let order = &self.order;
        let mut free = Vec::with_capacity(order.coefficients());
        for terms in [order.p, order.q, order.seasonal_p, order.seasonal_q] {
            free.extend((0..terms).map(|at| if at == 0 { first } else { 0.0 }));
        }
        free.extend(order.constant.then_some(0.0));
        free
    }

    fn coefficients(&self, free: &[f64]) -> (Coefficients, f64) {
        let order = &self.order;
        let mut rest = free;
        let mut largest: f64 = 0.0;
        let mut take = |count: usize, sign: f64| {
            let (block, after) = rest.split_at(count);
            rest = after;
            let (weights, partial) = polynomial::stationary(block);
            largest = largest.max(partial);
            weights.into_iter().map(|weight| sign * weight).collect::<Vec<_>>()
        };
        let (ar, ma) = (take(order.p, 1.0), take(order.q, -1.0));
        let (seasonal_ar, seasonal_ma) = (take(order.seasonal_p, 1.0), take(order.seasonal_q, -1.0));
        let mean = rest.first().map_or(0.0, |moved| self.mean + self.scale * moved);
        (Coefficients { ar, ma, seasonal_ar, seasonal_ma, mean }, largest)
    }

    fn innovations(&self, changes: &[f64], coefficients: &Coefficients) -> Option<Innovations> {
        let centred: Vec<f64> = changes.iter().map(|value| value - coefficients.mean).collect();
        let autoregression = polynomial::autoregression(coefficients, self.order.season.max(1));
        let moving_average = polynomial::moving_average(coefficients, self.order.season.max(1));
        innovations(&centred, &autoregression, &moving_average, 0)
    }
}
