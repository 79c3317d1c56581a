//! Least squares with weights that are not negative.

use nalgebra::{DMatrix, DVector};

/// The weights, none negative, that make weights' G weights - 2 b' weights least; G holds the cross-products of the
/// columns and b those with the outcome.
// Source: Lawson and Hanson, "Solving least squares problems", 1974, chapter 23; on cross-products as in Bro and De Jong,
// "A fast non-negativity-constrained least squares algorithm", 1997.
pub fn non_negative(products: &DMatrix<f64>, outcome: &DVector<f64>) -> DVector<f64> {
    let size = outcome.len();
    let mut weights = DVector::zeros(size);
    let mut free: Vec<usize> = Vec::new();
    let mut barred = vec![false; size];
    for _ in 0..10 * size.max(1) {
        let pull = outcome - products * &weights;
        let limit = |at: usize| 1e-12 * (outcome[at].abs() + f64::MIN_POSITIVE);
        let next = (0..size)
            .filter(|at| !free.contains(at) && !barred[*at] && products[(*at, *at)] > 0.0 && pull[*at] > limit(*at))
            .max_by(|one, other| pull[*one].total_cmp(&pull[*other]));
        let Some(next) = next else { break };
        free.push(next);
        if !settle(products, outcome, &mut weights, &mut free) {
            // It says the same as others: leave it out for good.
            free.retain(|at| *at != next);
            barred[next] = true;
            settle(products, outcome, &mut weights, &mut free);
        } else if weights[next] == 0.0 {
            barred[next] = true;
        }
    }
    weights
}

/// Solves for the free weights and takes out those that would turn negative; false when they have no solution.
fn settle(products: &DMatrix<f64>, outcome: &DVector<f64>, weights: &mut DVector<f64>, free: &mut Vec<usize>) -> bool {
    while !free.is_empty() {
        let part = DMatrix::from_fn(free.len(), free.len(), |row, column| products[(free[row], free[column])]);
        let right = DVector::from_fn(free.len(), |row, _| outcome[free[row]]);
        let Some(solved) = part.cholesky().map(|factor| factor.solve(&right)) else { return false };
        let blocking = free
            .iter()
            .zip(solved.iter())
            .filter(|(_, value)| **value <= 0.0)
            .map(|(at, value)| (weights[*at] / (weights[*at] - value), *at))
            .min_by(|one, other| one.0.total_cmp(&other.0));
        let Some((part, _)) = blocking else {
            weights.fill(0.0);
            free.iter().zip(solved.iter()).for_each(|(at, value)| weights[*at] = *value);
            return true;
        };
        let part = if part.is_finite() { part } else { 0.0 };
        for (at, value) in free.iter().zip(solved.iter()) {
            weights[*at] += part * (value - weights[*at]);
        }
        let before = free.len();
        free.retain(|at| weights[*at] > 1e-14 * outcome.amax() / products[(*at, *at)].max(f64::MIN_POSITIVE));
        if free.len() == before {
            return true;
        }
        (0..weights.len()).filter(|at| !free.contains(at)).for_each(|at| weights[at] = 0.0);
    }
    weights.fill(0.0);
    true
}
