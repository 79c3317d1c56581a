//! Trend and season of a series taken apart, and whether it needs differencing.

/// A series in parts that add up to it, or multiply to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Centred moving average; none at both ends.
    pub trend: Vec<Option<f64>>,
    /// One value for each step of the season, from the first of the series; sums to 0, or averages 1.
    pub season: Vec<f64>,
}

/// Takes a series apart by a centred moving average; it must span two seasons.
// Source: Kendall and Stuart, "The advanced theory of statistics", volume 3, 1983, pages 410-414.
pub fn parts(series: &[f64], season: usize, multiplicative: bool) -> Option<Parts> {
    if season < 2 || series.len() < 2 * season {
        return None;
    }
    let trend = moving_average(series, season);
    let mut sums = vec![(0.0, 0.0); season];
    for (at, (value, trend)) in series.iter().zip(&trend).enumerate() {
        if let Some(trend) = trend {
            let (sum, count) = &mut sums[at % season];
            *sum += if multiplicative { value / trend } else { value - trend };
            *count += 1.0;
        }
    }
    let figures: Vec<f64> = sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 0.0 }).collect();
    let middle = figures.iter().sum::<f64>() / season as f64;
    let level = |figure: f64| if multiplicative { figure / middle } else { figure - middle };
    Some(Parts { trend, season: figures.into_iter().map(level).collect() })
}

fn moving_average(series: &[f64], season: usize) -> Vec<Option<f64>> {
    let half = season / 2;
    let average = |at: usize| {
        let window = series.get(at.checked_sub(half)?..=at + half)?;
        let sum: f64 = window.iter().sum();
        // A window of an even season has half a weight at each end.
        let ends = if season.is_multiple_of(2) { (window[0] + window[2 * half]) / 2.0 } else { 0.0 };
        Some((sum - ends) / season as f64)
    };
    (0..series.len()).map(average).collect()
}

/// How much of what is not trend is season, from 0 to 1.
// Source: Wang, Smith and Hyndman, "Characteristic-based clustering for time series data", 2006.
pub fn strength(series: &[f64], season: usize) -> f64 {
    let Some(parts) = parts(series, season, false) else { return 0.0 };
    let detrended: Vec<(usize, f64)> = series
        .iter()
        .zip(&parts.trend)
        .enumerate()
        .filter_map(|(at, (value, trend))| trend.map(|trend| (at, value - trend)))
        .collect();
    let all: Vec<f64> = detrended.iter().map(|(_, value)| *value).collect();
    let rest: Vec<f64> = detrended.iter().map(|(at, value)| value - parts.season[at % season]).collect();
    let total = variance(&all);
    if total > 0.0 { (1.0 - variance(&rest) / total).max(0.0) } else { 0.0 }
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// Strength from which a season is differenced.
// Source: Hyndman and Athanasopoulos, "Forecasting: principles and practice", 3rd edition, section 9.1.
const STRONG: f64 = 0.64;

/// How often a series is differenced at its season before it is modelled: not at all or once.
pub fn seasonal_differences(series: &[f64], season: usize) -> usize {
    usize::from(strength(series, season) > STRONG)
}

/// What a level that stays would not exceed in 95 of 100 series.
// Source: Kwiatkowski, Phillips, Schmidt and Shin, "Testing the null hypothesis of stationarity", 1992, table 1.
const KPSS_LIMIT: f64 = 0.463;

/// How often a series is differenced before its level stays: at most twice.
pub fn differences(series: &[f64]) -> usize {
    let mut series = series.to_vec();
    for count in 0..2 {
        if series.len() < 4 || kpss(&series, lags(series.len())) <= KPSS_LIMIT {
            return count;
        }
        series = difference(&series, 1);
    }
    2
}

/// Neighbours that the statistic allows to hang together.
// Source: Hyndman and Khandakar, "Automatic time series forecasting", 2008, as in their package for R.
fn lags(rows: usize) -> usize {
    (3.0 * (rows as f64).sqrt() / 13.0) as usize
}

/// The statistic of the test that the level of a series stays; 0 for a constant one.
// Source: as KPSS_LIMIT, equation 13, with Bartlett's weights.
pub fn kpss(series: &[f64], lags: usize) -> f64 {
    let rows = series.len();
    let mean = series.iter().sum::<f64>() / rows as f64;
    let rest: Vec<f64> = series.iter().map(|value| value - mean).collect();
    let mut sum = 0.0;
    let sums: f64 = rest
        .iter()
        .map(|value| {
            sum += value;
            sum * sum
        })
        .sum();
    let covariance = |lag: usize| rest[lag..].iter().zip(&rest).map(|(one, other)| one * other).sum::<f64>();
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    let spread = (covariance(0) + (1..=lags.min(rows - 1)).map(weighted).sum::<f64>()) / rows as f64;
    if spread > 1e-24 * mean * mean { sums / (rows as f64).powi(2) / spread } else { 0.0 }
}

/// Each value less the one some steps before.
pub fn difference(series: &[f64], lag: usize) -> Vec<f64> {
    series.iter().skip(lag).zip(series).map(|(value, before)| value - before).collect()
}
