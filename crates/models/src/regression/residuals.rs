//! What the residuals of a second pass tell.

/// Takes residuals in the order of the rows.
#[derive(Debug, Clone, Default)]
pub struct Residuals {
    last: Option<f64>,
    squares: f64,
    steps: f64,
}

impl Residuals {
    pub fn push(&mut self, residual: f64) {
        if let Some(last) = self.last {
            self.steps += (residual - last).powi(2);
        }
        self.squares += residual * residual;
        self.last = Some(residual);
    }

    /// Near 2 when neighbours do not hang together, towards 0 or 4 when they do; none when all residuals are zero.
    // Source: Durbin and Watson, "Testing for serial correlation in least squares regression I", 1950.
    pub fn durbin_watson(&self) -> Option<f64> {
        (self.squares > 0.0).then(|| self.steps / self.squares)
    }
}

/// Coefficients, the first of them an intercept if there is one more than predictors, times a row.
pub(super) fn predict(coefficients: impl ExactSizeIterator<Item = f64>, predictors: &[f64]) -> f64 {
    let skip = coefficients.len() - predictors.len();
    let ones = std::iter::repeat_n(1.0, skip);
    coefficients.zip(ones.chain(predictors.iter().copied())).map(|(coefficient, value)| coefficient * value).sum()
}
