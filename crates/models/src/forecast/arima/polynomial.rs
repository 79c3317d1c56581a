//! Lag polynomials as the weights they put on earlier values.

use super::{Coefficients, Order};

/// Weights on earlier values: of the autoregression, with seasons multiplied in.
pub(super) fn autoregression(coefficients: &Coefficients, season: usize) -> Vec<f64> {
    let short: Vec<f64> = coefficients.ar.iter().map(|weight| -weight).collect();
    let long: Vec<f64> = coefficients.seasonal_ar.iter().map(|weight| -weight).collect();
    let product = multiply(&from_lags(&short, 1), &from_lags(&long, season));
    product[1..].iter().map(|weight| -weight).collect()
}

/// Weights on earlier errors, with seasons multiplied in.
pub(super) fn moving_average(coefficients: &Coefficients, season: usize) -> Vec<f64> {
    multiply(&from_lags(&coefficients.ma, 1), &from_lags(&coefficients.seasonal_ma, season))[1..].to_vec()
}

/// Weights on earlier values that undo differencing.
pub(super) fn integration(order: &Order) -> Vec<f64> {
    let mut product = vec![1.0];
    for _ in 0..order.d {
        product = multiply(&product, &[1.0, -1.0]);
    }
    for _ in 0..order.seasonal_d {
        product = multiply(&product, &from_lags(&[-1.0], order.season));
    }
    product[1..].iter().map(|weight| -weight).collect()
}

/// Both kinds of weights on earlier values in one.
pub(super) fn chain(one: &[f64], other: &[f64]) -> Vec<f64> {
    let whole =
        |weights: &[f64]| -> Vec<f64> { std::iter::once(1.0).chain(weights.iter().map(|weight| -weight)).collect() };
    multiply(&whole(one), &whole(other))[1..].iter().map(|weight| -weight).collect()
}

/// What one error adds to each later value.
pub(super) fn impulse(autoregression: &[f64], moving_average: &[f64], count: usize) -> Vec<f64> {
    let mut weights: Vec<f64> = Vec::with_capacity(count);
    for at in 0..count {
        let own = if at == 0 { 1.0 } else { moving_average.get(at - 1).copied().unwrap_or(0.0) };
        let passed = autoregression.iter().take(at).enumerate().map(|(lag, weight)| weight * weights[at - lag - 1]);
        let weight = own + passed.sum::<f64>();
        weights.push(weight);
    }
    weights
}

/// The polynomial 1 + c₁B^m + c₂B^2m …
fn from_lags(coefficients: &[f64], step: usize) -> Vec<f64> {
    let mut whole = vec![0.0; coefficients.len() * step + 1];
    whole[0] = 1.0;
    for (at, coefficient) in coefficients.iter().enumerate() {
        whole[(at + 1) * step] = *coefficient;
    }
    whole
}

fn multiply(one: &[f64], other: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; one.len() + other.len() - 1];
    for (at, left) in one.iter().enumerate().filter(|(_, left)| **left != 0.0) {
        for (place, right) in other.iter().enumerate() {
            product[at + place] += left * right;
        }
    }
    product
}

/// Weights of a stationary autoregression from any numbers; the largest partial correlation beside them.
// Source: Monahan, "A note on enforcing stationarity in autoregressive-moving average models", 1984.
pub(super) fn stationary(free: &[f64]) -> (Vec<f64>, f64) {
    let mut weights: Vec<f64> = Vec::with_capacity(free.len());
    let mut largest: f64 = 0.0;
    for number in free {
        let partial = number / (1.0 + number * number).sqrt();
        largest = largest.max(partial.abs());
        let before = weights.clone();
        for (weight, mirrored) in weights.iter_mut().zip(before.iter().rev()) {
            *weight -= partial * mirrored;
        }
        weights.push(partial);
    }
    (weights, largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seasons_multiply_in() {
        let coefficients =
            Coefficients { ar: vec![0.5], ma: vec![0.4], seasonal_ar: vec![0.2], seasonal_ma: vec![0.3], mean: 0.0 };
        let near = |found: Vec<f64>, wanted: &[f64]| {
            assert!(found.iter().zip(wanted).all(|(one, other)| (one - other).abs() < 1e-15), "{found:?}");
        };
        near(autoregression(&coefficients, 4), &[0.5, 0.0, 0.0, 0.2, -0.1]);
        near(moving_average(&coefficients, 4), &[0.4, 0.0, 0.0, 0.3, 0.12]);
        let order = Order { d: 1, seasonal_d: 1, season: 4, ..Order::default() };
        near(integration(&order), &[1.0, 0.0, 0.0, 1.0, -1.0]);
        near(impulse(&[0.5], &[0.4], 4), &[1.0, 0.9, 0.45, 0.225]);
    }

    #[test]
    fn any_numbers_give_a_stationary_autoregression() {
        for free in [vec![3.0, -2.0, 8.0], vec![-0.1], vec![0.5, 40.0]] {
            let (weights, largest) = stationary(&free);
            assert!(largest < 1.0);
            let fading = impulse(&weights, &[], 400_000);
            assert!(fading.last().unwrap().abs() < 1e-3, "{weights:?}");
        }
    }
}
