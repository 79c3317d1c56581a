//! What would be without any media: intercept, controls, trend and season.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use crate::Error;

/// The columns of the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    terms: Vec<Term>,
    matrix: DMatrix<f64>,
}

/// One column of the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    Intercept,
    /// By its place among the controls.
    Control(usize),
    Trend,
    /// A sine or cosine of the season.
    Season(usize),
}

impl Base {
    /// The base of so many rows; `waves` sines and cosines repeat every `season` rows.
    ///
    /// # Errors
    /// `Invalid` for a season too short for its waves.
    pub fn new(rows: usize, controls: &[Vec<f64>], trend: bool, season: f64, waves: usize) -> Result<Self, Error> {
        if waves > 0 && (!season.is_finite() || season < 2.0 * waves as f64) {
            return Err(Error::invalid(format!("a season of {season} rows has no room for {waves} waves")));
        }
        let mut terms = vec![Term::Intercept];
        let mut columns = vec![vec![1.0; rows]];
        for (at, control) in controls.iter().enumerate() {
            terms.push(Term::Control(at));
            columns.push(control.clone());
        }
        if trend {
            terms.push(Term::Trend);
            columns.push((0..rows).map(|row| row as f64 / rows.max(2) as f64).collect());
        }
        for wave in 1..=waves {
            let angle = move |row: usize| 2.0 * std::f64::consts::PI * wave as f64 * row as f64 / season;
            terms.push(Term::Season(2 * wave - 2));
            columns.push((0..rows).map(|row| angle(row).sin()).collect());
            // Why: at half the season the sine is zero in every row.
            if 2.0 * wave as f64 == season {
                terms.pop();
                columns.pop();
            }
            terms.push(Term::Season(2 * wave - 1));
            columns.push((0..rows).map(|row| angle(row).cos()).collect());
        }
        Ok(Self { terms, matrix: DMatrix::from_fn(rows, columns.len(), |row, column| columns[column][row]) })
    }

    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What one term says in each row, times its weight.
    pub fn part(&self, at: usize, weight: f64) -> Vec<f64> {
        self.matrix.column(at).iter().map(|value| value * weight).collect()
    }

    /// Directions at right angles that span the columns.
    ///
    /// # Errors
    /// `Collinear` when a control follows from what stands before it.
    pub(super) fn directions(&self) -> Result<DMatrix<f64>, Error> {
        let (directions, triangle) = self.matrix.clone().qr().unpack();
        for at in 0..self.terms.len() {
            if triangle[(at, at)].abs() <= 1e-10 * self.matrix.column(at).norm().max(f64::MIN_POSITIVE) {
                return Err(Error::Collinear { column: at, others: (0..at).collect() });
            }
        }
        Ok(directions)
    }

    /// The weights that leave least of a series.
    pub(super) fn weights(&self, series: &DVector<f64>) -> Option<DVector<f64>> {
        let (directions, triangle) = self.matrix.clone().qr().unpack();
        triangle.solve_upper_triangular(&(directions.transpose() * series))
    }
}
