//! ARIMA with seasons, by exact likelihood of the differenced series.
// Source: Box and Jenkins, "Time series analysis: forecasting and control", 1976; Brockwell and Davis, "Time series:
// theory and methods", 2nd edition, 1991, chapters 5 and 9.

mod ahead;
mod fit;
mod likelihood;
mod polynomial;
mod select;

use std::fmt;

pub use fit::{Fit, fit, log_likelihood};
pub use select::select;

use super::{Prediction, Setting, aicc};
use crate::Error;

/// The largest order of each kind.
pub const MAX_ORDER: usize = 10;

/// How many terms of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    pub p: usize,
    pub d: usize,
    pub q: usize,
    pub seasonal_p: usize,
    pub seasonal_d: usize,
    pub seasonal_q: usize,
    /// Steps of a season; 1 without.
    pub season: usize,
    /// Whether the differenced series has a mean other than zero: a level, or a drift.
    pub constant: bool,
}

impl Order {
    fn check(&self) -> Result<(), Error> {
        let seasonal = self.seasonal_p + self.seasonal_d + self.seasonal_q > 0;
        if seasonal && self.season < 2 {
            return Err(Error::invalid("a seasonal model needs a season of at least 2 steps"));
        }
        let orders = [self.p, self.q, self.seasonal_p, self.seasonal_q];
        if orders.iter().any(|order| *order > MAX_ORDER) || self.d > 3 || self.seasonal_d > 2 {
            return Err(Error::invalid(format!("orders go to {MAX_ORDER}, differences to 3, seasonal ones to 2")));
        }
        Ok(())
    }

    /// Coefficients, the constant among them.
    pub fn coefficients(&self) -> usize {
        self.p + self.q + self.seasonal_p + self.seasonal_q + usize::from(self.constant)
    }

    /// Rows that differencing takes.
    pub fn lost_rows(&self) -> usize {
        self.d + self.seasonal_d * self.season
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ARIMA({},{},{})", self.p, self.d, self.q)?;
        if self.seasonal_p + self.seasonal_d + self.seasonal_q > 0 {
            write!(f, "({},{},{})[{}]", self.seasonal_p, self.seasonal_d, self.seasonal_q, self.season)?;
        }
        match (self.constant, self.d + self.seasonal_d) {
            (false, _) => Ok(()),
            (true, 0) => write!(f, " with mean"),
            (true, _) => write!(f, " with drift"),
        }
    }
}

/// Coefficients of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coefficients {
    pub ar: Vec<f64>,
    pub ma: Vec<f64>,
    pub seasonal_ar: Vec<f64>,
    pub seasonal_ma: Vec<f64>,
    /// Of the differenced series.
    pub mean: f64,
}

impl Coefficients {
    fn named(&self, order: &Order) -> Vec<(String, f64)> {
        let numbered = |name: &'static str, values: &[f64]| -> Vec<(String, f64)> {
            values.iter().enumerate().map(|(at, value)| (format!("{name}{}", at + 1), *value)).collect()
        };
        let mut named = numbered("ar", &self.ar);
        named.extend(numbered("ma", &self.ma));
        named.extend(numbered("seasonal_ar", &self.seasonal_ar));
        named.extend(numbered("seasonal_ma", &self.seasonal_ma));
        if order.constant {
            named.push((if order.lost_rows() == 0 { "mean" } else { "drift" }.to_owned(), self.mean));
        }
        named
    }
}

pub(super) fn predict(series: &[f64], order: Order, setting: &Setting) -> Result<Prediction, Error> {
    let fitted = fit(series, order)?;
    let (past, steps) = ahead::predict(series, &fitted, setting);
    let mut parameters = fitted.coefficients.named(&order);
    parameters.push(("sigma_squared".to_owned(), fitted.variance));
    Ok(Prediction {
        model: order.to_string(),
        parameters,
        aicc: aicc(fitted.log_likelihood, order.coefficients() + 1, series.len() - order.lost_rows()),
        fitted: past,
        steps,
    })
}
