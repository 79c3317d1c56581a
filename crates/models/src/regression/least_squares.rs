//! Ordinary least squares with its diagnostics.

use nalgebra::DMatrix;
use serde::Serialize;

use super::Factor;
use crate::{Error, distribution, error::check_rows};

/// One estimated coefficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coefficient {
    pub value: f64,
    pub standard_error: f64,
    /// The value over its standard error; without a value when the fit is perfect.
    pub t: Option<f64>,
    /// Probability of such a t if the coefficient were zero.
    pub p: Option<f64>,
    /// The interval that holds the coefficient with a confidence of 95 %.
    pub low: f64,
    pub high: f64,
    /// How much the other predictors inflate the variance; none for the intercept.
    pub inflation: Option<f64>,
}

/// A fitted linear model. The intercept, if there is one, is the first coefficient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ols {
    pub rows: usize,
    pub coefficients: Vec<Coefficient>,
    pub degrees_of_freedom: usize,
    pub residual_squares: f64,
    /// Standard deviation of the residuals.
    pub residual_error: f64,
    /// About the mean with an intercept, about zero without one; none for a constant outcome.
    pub r_squared: Option<f64>,
    pub adjusted_r_squared: Option<f64>,
    /// Against the model that has nothing but the intercept; none for a perfect fit.
    pub f: Option<f64>,
    pub f_p: Option<f64>,
    /// None for a perfect fit, as are the criteria made of it.
    pub log_likelihood: Option<f64>,
    pub aic: Option<f64>,
    pub bic: Option<f64>,
    /// Largest over smallest singular value of the predictors as they are.
    pub condition_number: f64,
}

impl Ols {
    /// The fitted value of a row.
    pub fn predict(&self, predictors: &[f64]) -> f64 {
        let values = self.coefficients.iter().map(|coefficient| coefficient.value);
        super::residuals::predict(values, predictors)
    }
}

/// Fits a linear model.
///
/// # Errors
/// `TooFewRows` when no degree of freedom is left for the residuals.
pub fn ols(factor: &Factor) -> Result<Ols, Error> {
    let terms = factor.terms();
    check_rows(factor.rows, terms + 1)?;
    let inverse = invert(&factor.triangle)?;
    let degrees = factor.rows - terms;
    let total = factor.outcome_squares();
    // Why: below the rounding of the sums there is no residual.
    let residual_squares =
        if factor.residual_squares <= 1e-28 * total.max(f64::MIN_POSITIVE) { 0.0 } else { factor.residual_squares };
    let variance = residual_squares / degrees as f64;
    let coefficients = coefficients(factor, &inverse, variance, degrees);
    let first = factor.first();
    let free = terms - first;
    let explained = total - residual_squares;
    let r_squared = (total > 0.0).then(|| 1.0 - residual_squares / total);
    let f = (free > 0 && variance > 0.0).then(|| explained / free as f64 / variance);
    let rows = factor.rows as f64;
    let log_likelihood = (residual_squares > 0.0)
        .then(|| -0.5 * rows * ((2.0 * std::f64::consts::PI * residual_squares / rows).ln() + 1.0));
    Ok(Ols {
        rows: factor.rows,
        coefficients,
        degrees_of_freedom: degrees,
        residual_squares,
        residual_error: variance.sqrt(),
        r_squared,
        adjusted_r_squared: r_squared.map(|r| 1.0 - (1.0 - r) * (rows - first as f64) / degrees as f64),
        f,
        f_p: f.map(|f| distribution::f_upper(f, free as f64, degrees as f64)),
        log_likelihood,
        aic: log_likelihood.map(|log| -2.0 * log + 2.0 * terms as f64),
        bic: log_likelihood.map(|log| -2.0 * log + rows.ln() * terms as f64),
        condition_number: condition_number(factor),
    })
}

fn invert(triangle: &DMatrix<f64>) -> Result<DMatrix<f64>, Error> {
    let size = triangle.ncols();
    triangle
        .solve_upper_triangular(&DMatrix::identity(size, size))
        .ok_or_else(|| Error::NoFit("the predictors have no inverse".into()))
}

fn coefficients(factor: &Factor, inverse: &DMatrix<f64>, variance: f64, degrees: usize) -> Vec<Coefficient> {
    let shifted = inverse * &factor.outcome;
    let reach = distribution::t_quantile(0.975, degrees as f64);
    (0..factor.terms())
        .map(|term| {
            let (value, spread) = match factor.intercept && term == 0 {
                true => intercept(factor, inverse, shifted.as_slice()),
                false => (shifted[term], inverse.row(term).norm_squared()),
            };
            let standard_error = (variance * spread).sqrt();
            let t = (standard_error > 0.0).then(|| value / standard_error);
            Coefficient {
                value,
                standard_error,
                t,
                p: t.map(|t| distribution::t_two_sided(t, degrees as f64)),
                low: value - reach * standard_error,
                high: value + reach * standard_error,
                // Source: Belsley, Kuh and Welsch, "Regression diagnostics", 1980, chapter 3.
                inflation: (term >= factor.first()).then(|| inverse.row(term).norm_squared() * factor.squares(term)),
            }
        })
        .collect()
}

/// The intercept where the predictors are zero, from the one at the first row; and its variance factor.
fn intercept(factor: &Factor, inverse: &DMatrix<f64>, shifted: &[f64]) -> (f64, f64) {
    let predictors = factor.terms() - 1;
    let shift = &factor.shift;
    let moved: f64 = (0..predictors).map(|at| shifted[at + 1] * shift[at]).sum();
    let mut weights = inverse.row(0).clone_owned();
    for (at, shift) in shift[..predictors].iter().enumerate() {
        weights -= inverse.row(at + 1) * *shift;
    }
    (shifted[0] + shift[predictors] - moved, weights.norm_squared())
}

fn condition_number(factor: &Factor) -> f64 {
    let mut triangle = factor.triangle.clone();
    if factor.intercept {
        let ones = triangle[(0, 0)];
        for at in 1..factor.terms() {
            triangle[(0, at)] += factor.shift[at - 1] * ones;
        }
    }
    let values = triangle.singular_values();
    values.max() / values.min()
}
