//! Orders found step by step.
// Source: Hyndman and Khandakar, "Automatic time series forecasting: the forecast package for R", 2008, section 3.2.

use super::{
    Fit, Order,
    fit::{differenced, fit_from},
};
use crate::{
    Error,
    forecast::{aicc, recent, seasonality},
};

/// The largest orders that are tried.
const MAX_TERMS: usize = 3;
const MAX_SEASONAL_TERMS: usize = 1;
/// Models fitted at most.
const MAX_FITS: usize = 40;
/// Seasons longer than this are differenced but get no terms: they would cost more than they tell.
const MAX_TERM_SEASON: usize = 24;

/// The order of least AICc around a few likely ones, after as much differencing as tests ask for.
///
/// # Errors
/// `TooFewRows`, `Constant` or `NoFit` when no order suits.
pub fn select(series: &[f64], season: usize) -> Result<Order, Error> {
    let series = recent(series, season);
    let seasonal = season > 1 && series.len() >= 2 * season + 4;
    let season = if seasonal { season } else { 1 };
    let seasonal_d = if seasonal { seasonality::seasonal_differences(series, season) } else { 0 };
    let bare = Order { seasonal_d, season, ..Order::default() };
    let d = seasonality::differences(&differenced(series, &bare));
    let bare = Order { d, constant: d + seasonal_d < 2, ..bare };
    let mut search = Search { series, tried: Vec::new(), best: None, fault: None };
    let terms = usize::from(seasonal && season <= MAX_TERM_SEASON);
    for (p, q) in [(2, 2), (0, 0), (1, 0), (0, 1)] {
        let seasonal_p = if p > 0 { terms } else { 0 };
        let seasonal_q = if q > 0 { terms } else { 0 };
        search.look_at(Order { p, q, seasonal_p, seasonal_q, ..bare });
    }
    search.look_at(Order { constant: false, ..bare });
    while let Some((_, best)) = search.best {
        let known = search.tried.len();
        neighbours(best, terms * MAX_SEASONAL_TERMS, d + seasonal_d)
            .into_iter()
            .for_each(|order| search.look_at(order));
        if search.tried.len() == known || search.best.is_some_and(|(_, order)| order == best) {
            return Ok(best);
        }
    }
    Err(search.fault.unwrap_or_else(|| Error::NoFit("no ARIMA order suits the series".into())))
}

struct Search<'a> {
    series: &'a [f64],
    tried: Vec<Order>,
    best: Option<(f64, Order)>,
    fault: Option<Error>,
}

impl Search<'_> {
    fn look_at(&mut self, order: Order) {
        if self.tried.len() >= MAX_FITS || self.tried.contains(&order) {
            return;
        }
        self.tried.push(order);
        match fit_from(self.series, order, &[0.1]) {
            Ok(fitted) => {
                let criterion = self.judge(&fitted);
                if criterion.is_some_and(|criterion| self.best.is_none_or(|(least, _)| criterion < least)) {
                    self.best = criterion.map(|criterion| (criterion, order));
                }
            }
            Err(error) => self.fault = Some(error),
        }
    }

    fn judge(&self, fitted: &Fit) -> Option<f64> {
        let order = &fitted.order;
        let rows = self.series.len() - order.lost_rows();
        aicc(fitted.log_likelihood, order.coefficients() + 1, rows).filter(|_| !fitted.on_the_edge)
    }
}

/// Orders that differ by one term, or by one of both kinds, or by the constant.
fn neighbours(from: Order, seasonal: usize, differences: usize) -> Vec<Order> {
    let moved = |order: usize, by: i8, most: usize| order.checked_add_signed(by.into()).filter(|order| *order <= most);
    let mut found = Vec::new();
    for (p, q) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)] {
        if let (Some(p), Some(q)) = (moved(from.p, p, MAX_TERMS), moved(from.q, q, MAX_TERMS)) {
            found.push(Order { p, q, ..from });
        }
    }
    for (p, q) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)] {
        let (p, q) = (moved(from.seasonal_p, p, seasonal), moved(from.seasonal_q, q, seasonal));
        if let (Some(seasonal_p), Some(seasonal_q)) = (p, q) {
            found.push(Order { seasonal_p, seasonal_q, ..from });
        }
    }
    if differences < 2 {
        found.push(Order { constant: !from.constant, ..from });
    }
    found
}
