//! First guesses of level, slope and season.
// Source: Hyndman and others, "Forecasting with exponential smoothing", 2008, section 2.6.1.

use super::{Form, Season, Trend};
use crate::forecast::seasonality;

/// The states before the first value, guessed.
pub(super) struct Start {
    pub level: f64,
    pub slope: f64,
    pub season: Vec<f64>,
}

pub(super) fn guess(series: &[f64], form: Form, season: usize) -> Start {
    let figures = match form.season {
        Season::None => Vec::new(),
        kind => seasonality::parts(series, season, kind == Season::Multiplicative)
            .map(|parts| parts.season)
            .unwrap_or_default(),
    };
    let adjusted = |(at, value): (usize, &f64)| match form.season {
        Season::None => *value,
        Season::Additive => value - figures[at % season],
        Season::Multiplicative => value / figures[at % season].max(1e-2),
    };
    let span = if form.season == Season::None { 10 } else { (2 * season).max(10) };
    let head: Vec<f64> = series.iter().enumerate().map(adjusted).take(span).collect();
    let (level, slope) = line(&head);
    let figures = match form.season {
        Season::Multiplicative => figures.into_iter().map(|figure| figure.max(1e-2)).collect(),
        _ => figures,
    };
    match form.trend {
        Trend::None => Start { level: head.iter().sum::<f64>() / head.len() as f64, slope: 0.0, season: figures },
        _ => Start { level, slope, season: figures },
    }
}

/// The line through values at 1, 2, 3 …: its height at 0 and its slope.
fn line(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let (middle, mean) = ((count + 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let places = (1..=values.len()).map(|at| at as f64 - middle);
    let products: f64 = places.clone().zip(values).map(|(place, value)| place * (value - mean)).sum();
    let squares: f64 = places.map(|place| place * place).sum();
    let slope = if squares > 0.0 { products / squares } else { 0.0 };
    (mean - slope * middle, slope)
}
