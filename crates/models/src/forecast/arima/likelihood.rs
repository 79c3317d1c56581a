//! One-step predictions of a stationary series and how likely it is, exactly, by the innovations algorithm.
// Source: Brockwell and Davis, "Time series: theory and methods", 2nd edition, 1991, sections 3.3, 5.2, 5.3 and 8.7.

use nalgebra::{DMatrix, DVector};

use super::polynomial::impulse;

/// Predictions of a series; errors have variance `spread` times that of the model's own errors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Innovations {
    /// One step ahead, and beyond the series from what was predicted before.
    pub predictions: Vec<f64>,
    /// Squared errors, each over its spread.
    pub squares: f64,
    /// The sum of the logarithms of the spreads.
    pub logs: f64,
}

/// How near the spread is to one, and stays, when nothing changes any more.
const SETTLED: f64 = 1e-12;

/// Predicts each value from those before it, and `extra` values after the last; none when the weights have no
/// stationary series.
pub(super) fn innovations(
    series: &[f64],
    autoregression: &[f64],
    moving_average: &[f64],
    extra: usize,
) -> Option<Innovations> {
    let model = Model::new(autoregression, moving_average)?;
    let mut rows: Vec<Vec<f64>> = Vec::new();
    let mut spreads: Vec<f64> = Vec::new();
    let mut found = Innovations { predictions: Vec::with_capacity(series.len() + extra), squares: 0.0, logs: 0.0 };
    let mut errors: Vec<f64> = Vec::with_capacity(series.len() + extra);
    let mut values: Vec<f64> = Vec::with_capacity(series.len() + extra);
    let mut settled = false;
    for at in 0..series.len() + extra {
        if !settled {
            let (row, spread) = model.next_row(&rows, &spreads);
            if !(spread > 0.0 && spread.is_finite()) {
                return None;
            }
            settled = at > 2 * model.longest && (spread - 1.0).abs() < SETTLED;
            rows.push(row);
            spreads.push(spread);
        }
        let row = &rows[rows.len() - 1];
        let spread = spreads[spreads.len() - 1];
        let mut prediction: f64 = row.iter().zip(errors.iter().rev()).map(|(weight, error)| weight * error).sum();
        if at >= model.longest {
            let before = values.iter().rev().zip(autoregression);
            prediction += before.map(|(value, weight)| value * weight).sum::<f64>();
        }
        let value = series.get(at).copied().unwrap_or(prediction);
        if at < series.len() {
            found.squares += (value - prediction).powi(2) / spread;
            found.logs += spread.ln();
        }
        errors.push(value - prediction);
        values.push(value);
        found.predictions.push(prediction);
    }
    (found.squares.is_finite() && found.logs.is_finite()).then_some(found)
}

/// Covariances of the series that the algorithm runs on, in terms of the errors' variance.
struct Model {
    /// Beginning with the one for the error of the same time.
    errors: Vec<f64>,
    /// The longer of both; from there on the series is its moving average.
    longest: usize,
    /// Of the series itself.
    covariances: Vec<f64>,
    /// Between the series and its moving average.
    mixed: Vec<f64>,
    /// Of the moving average.
    averaged: Vec<f64>,
}

impl Model {
    fn new(autoregression: &[f64], moving_average: &[f64]) -> Option<Self> {
        let errors: Vec<f64> = std::iter::once(1.0).chain(moving_average.iter().copied()).collect();
        let longest = autoregression.len().max(moving_average.len());
        let covariances = covariances(autoregression, &errors, 2 * longest + 1)?;
        let mixed = (0..2 * longest)
            .map(|lag| {
                let passed =
                    autoregression.iter().enumerate().map(|(at, weight)| weight * covariances[(at + 1).abs_diff(lag)]);
                covariances[lag] - passed.sum::<f64>()
            })
            .collect();
        let averaged = (0..errors.len())
            .map(|lag| errors.iter().zip(&errors[lag..]).map(|(one, other)| one * other).sum())
            .collect();
        Some(Self { errors, longest, covariances, mixed, averaged })
    }

    /// Covariance of the values at two places, counting from 0.
    fn covariance(&self, one: usize, other: usize) -> f64 {
        let (early, late, lag) = (one.min(other), one.max(other), one.abs_diff(other));
        if late < self.longest {
            self.covariances[lag]
        } else if early < self.longest {
            // Why: the value is correlated with errors of at most so many steps.
            if lag < self.errors.len() { self.mixed[lag] } else { 0.0 }
        } else {
            self.averaged.get(lag).copied().unwrap_or(0.0)
        }
    }

    /// Weights on the errors before the next place, latest first, and the spread of its own.
    fn next_row(&self, rows: &[Vec<f64>], spreads: &[f64]) -> (Vec<f64>, f64) {
        let at = rows.len();
        let width = if at < self.longest { at } else { (self.errors.len() - 1).min(at) };
        let mut row = vec![0.0; width];
        let first = at - width;
        for place in first..at {
            let below = &rows[place];
            let from = first.max(place - below.len());
            let known: f64 =
                (from..place).map(|past| below[place - past - 1] * row[at - past - 1] * spreads[past]).sum();
            row[at - place - 1] = (self.covariance(at, place) - known) / spreads[place];
        }
        let known: f64 = (first..at).map(|past| row[at - past - 1].powi(2) * spreads[past]).sum();
        (row, self.covariance(at, at) - known)
    }
}

/// Covariances at lags from 0, with errors of variance 1.
fn covariances(autoregression: &[f64], errors: &[f64], count: usize) -> Option<Vec<f64>> {
    let terms = autoregression.len();
    let effects = impulse(autoregression, &errors[1..], errors.len());
    let right =
        |lag: usize| -> f64 { errors.iter().skip(lag).zip(&effects).map(|(error, effect)| error * effect).sum() };
    let mut matrix = DMatrix::<f64>::identity(terms + 1, terms + 1);
    for lag in 0..=terms {
        for (at, weight) in autoregression.iter().enumerate() {
            matrix[(lag, lag.abs_diff(at + 1))] -= weight;
        }
    }
    let solved = matrix.lu().solve(&DVector::from_fn(terms + 1, |lag, _| right(lag)))?;
    let mut found: Vec<f64> = solved.iter().copied().collect();
    for lag in terms + 1..count {
        let passed: f64 = autoregression.iter().enumerate().map(|(at, weight)| weight * found[lag - at - 1]).sum();
        found.push(passed + right(lag));
    }
    (found[0] > 0.0 && found.iter().all(|value| value.is_finite())).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covariances_of_a_simple_series_are_the_known_ones() {
        // ARMA(1,1): γ(0) = (1 + 2φθ + θ²) / (1 - φ²), γ(1) = (1 + φθ)(φ + θ) / (1 - φ²).
        let found = covariances(&[0.5], &[1.0, 0.4], 3).unwrap();
        let wanted = [1.56 / 0.75, 1.2 * 0.9 / 0.75, 0.5 * 1.2 * 0.9 / 0.75];
        assert!(found.iter().zip(wanted).all(|(one, other)| (one - other).abs() < 1e-14), "{found:?}");
    }

    #[test]
    fn a_pure_autoregression_is_predicted_from_its_past() {
        let series = [1.0, 0.2, -0.4, 0.9];
        let found = innovations(&series, &[0.5], &[], 2).unwrap();
        assert_eq!(found.predictions, [0.0, 0.5, 0.1, -0.2, 0.45, 0.225]);
        assert!((found.logs - (1.0_f64 / 0.75).ln()).abs() < 1e-14);
        assert!(innovations(&series, &[1.0], &[], 0).is_none());
    }
}
