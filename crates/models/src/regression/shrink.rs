//! Ridge regression: coefficients held small, which tames predictors that say nearly the same.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::Factor;
use crate::{Error, error::check_rows, optimize};

/// A fitted ridge model; predictors are standardised for the penalty and given back in their own units.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ridge {
    pub rows: usize,
    /// Weight of the squared standardised coefficients beside the squared residuals.
    pub lambda: f64,
    /// Whether lambda was chosen here.
    pub chosen: bool,
    pub intercept: f64,
    pub coefficients: Vec<f64>,
    /// Per standard deviation (divided by n) of each predictor.
    pub standardized: Vec<f64>,
    /// Of the coefficients in their own units, given lambda.
    pub standard_errors: Vec<f64>,
    /// What the model spends of the rows, the intercept included.
    pub effective_terms: f64,
    pub residual_squares: f64,
    pub r_squared: Option<f64>,
    /// The generalised cross-validation error at lambda.
    pub gcv: f64,
}

impl Ridge {
    /// The fitted value of a row.
    pub fn predict(&self, predictors: &[f64]) -> f64 {
        self.intercept + self.coefficients.iter().zip(predictors).map(|(weight, value)| weight * value).sum::<f64>()
    }
}

/// Lambdas tried, from nearly nothing to nearly everything shrunk away.
const GRID: usize = 61;

/// Fits a ridge model with an intercept; without a lambda, takes the one of least generalised cross-validation error.
///
/// # Errors
/// `Invalid` without intercept or for a negative lambda, `TooFewRows` for fewer than three rows.
// Source: Hoerl and Kennard, "Ridge regression", 1970; Golub, Heath and Wahba, "Generalized cross-validation as a method
// for choosing a good ridge parameter", 1979.
pub fn ridge(factor: &Factor, lambda: Option<f64>) -> Result<Ridge, Error> {
    if !factor.intercept || factor.terms() < 2 {
        return Err(Error::invalid("ridge regression needs an intercept and a predictor"));
    }
    if lambda.is_some_and(|lambda| !lambda.is_finite() || lambda < 0.0) {
        return Err(Error::invalid("lambda must be zero or more"));
    }
    check_rows(factor.rows, 3)?;
    let rotated = Rotated::new(factor)?;
    let best = lambda.unwrap_or_else(|| rotated.best_lambda());
    Ok(rotated.fit(best, lambda.is_none()))
}

/// The standardised predictors in the directions of their singular vectors.
struct Rotated<'a> {
    factor: &'a Factor,
    scales: Vec<f64>,
    values: DVector<f64>,
    directions: DMatrix<f64>,
    /// The outcome along each direction.
    along: DVector<f64>,
}

impl<'a> Rotated<'a> {
    fn new(factor: &'a Factor) -> Result<Self, Error> {
        let predictors = factor.terms() - 1;
        let scales: Vec<f64> =
            (1..=predictors).map(|term| (factor.squares(term) / factor.rows as f64).sqrt()).collect();
        let mut centred = factor.triangle.view((1, 1), (predictors, predictors)).clone_owned();
        for (at, scale) in scales.iter().enumerate() {
            centred.column_mut(at).unscale_mut(*scale);
        }
        let parts = centred.svd(true, true);
        let (Some(left), Some(right)) = (parts.u, parts.v_t) else {
            return Err(Error::NoFit("the predictors have no singular values".into()));
        };
        let along = left.transpose() * factor.outcome.rows(1, predictors);
        Ok(Self { factor, scales, values: parts.singular_values, directions: right.transpose(), along })
    }

    fn effective_terms(&self, lambda: f64) -> f64 {
        1.0 + self.values.iter().map(|value| value * value / (value * value + lambda)).sum::<f64>()
    }

    fn residual_squares(&self, lambda: f64) -> f64 {
        let left = |(value, along): (&f64, &f64)| (lambda / (value * value + lambda) * along).powi(2);
        self.factor.residual_squares + self.values.iter().zip(self.along.iter()).map(left).sum::<f64>()
    }

    fn gcv(&self, lambda: f64) -> f64 {
        let rows = self.factor.rows as f64;
        let left = rows - self.effective_terms(lambda);
        if left <= 1e-9 { f64::INFINITY } else { rows * self.residual_squares(lambda) / (left * left) }
    }

    fn best_lambda(&self) -> f64 {
        let largest = self.values.max().powi(2);
        let (low, high) = ((largest * 1e-9).ln(), (largest * 1e3).ln());
        let step = (high - low) / (GRID - 1) as f64;
        let at = |place: usize| low + step * place as f64;
        let error = |log: f64| self.gcv(log.exp());
        let best = (0..GRID).map(at).min_by(|one, other| error(*one).total_cmp(&error(*other))).unwrap_or(low);
        optimize::golden(error, best - step, best + step, 60).exp()
    }

    fn fit(&self, lambda: f64, chosen: bool) -> Ridge {
        let factor = self.factor;
        let shrunk = self.values.zip_map(&self.along, |value, along| value / (value * value + lambda) * along);
        let standardized = &self.directions * shrunk;
        let coefficients: Vec<f64> =
            standardized.iter().zip(&self.scales).map(|(weight, scale)| weight / scale).collect();
        let effective_terms = self.effective_terms(lambda);
        let residual_squares = self.residual_squares(lambda);
        let variance = residual_squares / (factor.rows as f64 - effective_terms).max(f64::MIN_POSITIVE);
        let noise = self.values.map(|value| value / (value * value + lambda));
        let standard_errors = (0..self.scales.len())
            .map(|at| (variance * self.directions.row(at).transpose().component_mul(&noise).norm_squared()).sqrt())
            .zip(&self.scales)
            .map(|(error, scale)| error / scale)
            .collect();
        let total = factor.outcome_squares();
        Ridge {
            rows: factor.rows,
            lambda,
            chosen,
            intercept: self.intercept(&coefficients),
            coefficients,
            standardized: standardized.iter().copied().collect(),
            standard_errors,
            effective_terms,
            residual_squares,
            r_squared: (total > 0.0).then(|| 1.0 - residual_squares / total),
            gcv: self.gcv(lambda),
        }
    }

    /// The mean of the outcome less what the predictors' means give.
    fn intercept(&self, coefficients: &[f64]) -> f64 {
        let factor = self.factor;
        let ones = factor.triangle[(0, 0)];
        let predictors = coefficients.len();
        let mean = |at: usize| factor.shift[at] + factor.triangle[(0, at + 1)] / ones;
        let outcome = factor.shift[predictors] + factor.outcome[0] / ones;
        outcome - coefficients.iter().enumerate().map(|(at, weight)| weight * mean(at)).sum::<f64>()
    }
}
