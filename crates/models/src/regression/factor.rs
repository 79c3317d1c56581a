//! The triangular factor of all rows, updated block by block.

use nalgebra::{DMatrix, DVector};

use crate::{
    Error,
    error::{check_finite, check_rows},
};

/// Rows taken before they are folded into the factor.
const BLOCK_ROWS: usize = 512;
/// Part of a column that must be its own; with less it follows from the columns before it.
const OWN_PART: f64 = 1e-10;

/// Rows of a regression on their way into its factor.
///
/// Why a factor of the rows and not sums of squares: those have the square of the rows' condition number, and lose twice
/// the digits. Why shifted by the first row: large values that vary little (years, time stamps) keep their digits.
// Source: Golub and Van Loan, "Matrix computations", 4th edition, section 5.2 and 6.5 (updating a QR factorisation).
#[derive(Debug)]
pub struct Rows {
    columns: usize,
    intercept: bool,
    shift: Option<Vec<f64>>,
    block: DMatrix<f64>,
    filled: usize,
    rows: usize,
}

impl Rows {
    /// Begins with no rows of this many predictors.
    pub fn new(columns: usize, intercept: bool) -> Self {
        let width = columns + usize::from(intercept) + 1;
        Self {
            columns,
            intercept,
            shift: None,
            block: DMatrix::zeros(width + BLOCK_ROWS, width),
            filled: width,
            rows: 0,
        }
    }

    /// Takes a row.
    ///
    /// # Errors
    /// `NotFinite` with the number of the row, `Invalid` when the row has another width.
    pub fn push(&mut self, predictors: &[f64], outcome: f64) -> Result<(), Error> {
        if predictors.len() != self.columns {
            return Err(Error::invalid(format!("a row has {} values, not {}", predictors.len(), self.columns)));
        }
        if check_finite(predictors).is_err() || !outcome.is_finite() {
            return Err(Error::NotFinite { row: self.rows });
        }
        let intercept = self.intercept;
        let shift = self.shift.get_or_insert_with(|| match intercept {
            true => predictors.iter().copied().chain([outcome]).collect(),
            false => vec![0.0; predictors.len() + 1],
        });
        let first = usize::from(self.intercept);
        if self.intercept {
            self.block[(self.filled, 0)] = 1.0;
        }
        for (at, value) in predictors.iter().chain([&outcome]).enumerate() {
            self.block[(self.filled, first + at)] = value - shift[at];
        }
        self.filled += 1;
        self.rows += 1;
        if self.filled == self.block.nrows() {
            self.fold();
        }
        Ok(())
    }

    fn fold(&mut self) {
        let width = self.block.ncols();
        let factor = self.block.rows(0, self.filled).clone_owned().qr().unpack_r();
        self.block.fill(0.0);
        self.block.view_mut((0, 0), (width, width)).copy_from(&factor);
        self.filled = width;
    }

    /// The factor of all rows taken.
    ///
    /// # Errors
    /// `TooFewRows` when they cannot determine the coefficients, `Collinear` when a column follows from earlier ones.
    pub fn finish(mut self) -> Result<Factor, Error> {
        let terms = self.columns + usize::from(self.intercept);
        check_rows(self.rows, terms.max(1))?;
        self.fold();
        let triangle = self.block.view((0, 0), (terms, terms)).clone_owned();
        let outcome = self.block.view((0, terms), (terms, 1)).column(0).clone_owned();
        let rest = self.block[(terms, terms)];
        let factor = Factor {
            rows: self.rows,
            intercept: self.intercept,
            shift: self.shift.unwrap_or_else(|| vec![0.0; self.columns + 1]),
            triangle,
            outcome,
            residual_squares: rest * rest,
        };
        factor.check_rank()?;
        Ok(factor)
    }
}

/// What a regression needs to know of its rows: a triangle whose square is the rows' cross-products.
#[derive(Debug, Clone)]
pub struct Factor {
    pub rows: usize,
    pub intercept: bool,
    /// What was subtracted from each predictor and, last, from the outcome.
    pub(super) shift: Vec<f64>,
    pub(super) triangle: DMatrix<f64>,
    pub(super) outcome: DVector<f64>,
    pub(super) residual_squares: f64,
}

impl Factor {
    /// Coefficients to be estimated, the intercept among them.
    pub fn terms(&self) -> usize {
        self.triangle.ncols()
    }

    /// The place of the first predictor among the terms.
    pub(super) fn first(&self) -> usize {
        usize::from(self.intercept)
    }

    /// The sum of squares of a term about its mean, or about zero in a model without intercept.
    pub(super) fn squares(&self, term: usize) -> f64 {
        (self.first()..=term).map(|row| self.triangle[(row, term)].powi(2)).sum()
    }

    /// The sum of squares of the outcome about its mean, or about zero in a model without intercept.
    pub(super) fn outcome_squares(&self) -> f64 {
        self.residual_squares + self.outcome.iter().skip(self.first()).map(|part| part * part).sum::<f64>()
    }

    fn check_rank(&self) -> Result<(), Error> {
        for term in 0..self.terms() {
            let own = self.triangle[(term, term)].abs();
            if own <= OWN_PART * self.triangle.column(term).norm() || own == 0.0 {
                return Err(Error::Collinear { column: term - self.first(), others: self.sources(term) });
            }
        }
        Ok(())
    }

    /// The predictors that a term follows from.
    fn sources(&self, term: usize) -> Vec<usize> {
        if term == 0 {
            return Vec::new();
        }
        let before = self.triangle.view((0, 0), (term, term));
        let Some(weights) = before.solve_upper_triangular(&self.triangle.view((0, term), (term, 1))) else {
            return Vec::new();
        };
        let size = self.triangle.column(term).norm();
        (self.first()..term)
            .filter(|at| weights[*at].abs() * self.triangle.column(*at).norm() > 1e-6 * size)
            .map(|at| at - self.first())
            .collect()
    }
}
