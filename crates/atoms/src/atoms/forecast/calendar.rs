//! The steps of a series: where they lie, and whether any is missing.

use chrono::{DateTime, Datelike, Days, Months, NaiveDateTime};
use serde::Deserialize;

/// The step from one value to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frequency {
    /// Found from the dates.
    #[default]
    Auto,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

enum Step {
    Micros(i64),
    Months(u32),
}

impl Frequency {
    /// The frequency whose step is the middle one of these times, in ascending order.
    pub fn of(times: &[i64]) -> Option<Self> {
        let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_unstable();
        let middle = *steps.get(steps.len() / 2)?;
        match (middle, middle / DAY) {
            (HOUR, _) => Some(Self::Hour),
            (DAY, _) => Some(Self::Day),
            (_, 7) => Some(Self::Week),
            (_, 28..=31) => Some(Self::Month),
            (_, 90..=92) => Some(Self::Quarter),
            (_, 365..=366) => Some(Self::Year),
            _ => None,
        }
    }

    /// Steps after which the pattern usually repeats.
    pub fn usual_season(self) -> usize {
        match self {
            Self::Auto | Self::Year => 1,
            Self::Hour => 24,
            Self::Day => 7,
            Self::Week => 52,
            Self::Month => 12,
            Self::Quarter => 4,
        }
    }

    fn step(self) -> Step {
        match self {
            Self::Hour => Step::Micros(HOUR),
            Self::Auto | Self::Day => Step::Micros(DAY),
            Self::Week => Step::Micros(7 * DAY),
            Self::Month => Step::Months(1),
            Self::Quarter => Step::Months(3),
            Self::Year => Step::Months(12),
        }
    }
}

/// Equal steps from a first moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calendar {
    pub frequency: Frequency,
    /// Microseconds since 1970-01-01.
    first: i64,
    /// Whether every moment lies on the last day of its month.
    month_ends: bool,
    /// Whether moments are days, without a time.
    days: bool,
}

impl Calendar {
    pub fn new(frequency: Frequency, times: &[i64], days: bool) -> Self {
        let is_end = |time: &i64| moment(*time).is_some_and(|at| (at + Days::new(1)).day() == 1);
        Self { frequency, first: times.first().copied().unwrap_or(0), month_ends: times.iter().all(is_end), days }
    }

    /// The moment of a step, in microseconds since 1970-01-01; none beyond what dates can be.
    pub fn at(&self, step: usize) -> Option<i64> {
        match self.frequency.step() {
            Step::Micros(length) => self.first.checked_add(length.checked_mul(i64::try_from(step).ok()?)?),
            Step::Months(months) => {
                let months = Months::new(months.checked_mul(u32::try_from(step).ok()?)?);
                let first = moment(self.first)?;
                if !self.month_ends {
                    return Some(first.checked_add_months(months)?.and_utc().timestamp_micros());
                }
                let begin = first.with_day(1)?.checked_add_months(months)?.checked_add_months(Months::new(1))?;
                Some(begin.checked_sub_days(Days::new(1))?.and_utc().timestamp_micros())
            }
        }
    }

    /// Whether moments are days, without a time.
    pub fn is_in_days(&self) -> bool {
        self.days
    }

    /// The moment of a step as people write it.
    pub fn shown(&self, step: usize) -> String {
        self.at(step).map_or_else(|| format!("step {}", step + 1), |time| shown(time, self.days))
    }
}

/// A moment as people write it.
pub(super) fn shown(time: i64, days: bool) -> String {
    let form = if days { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
    moment(time).map_or_else(|| time.to_string(), |at| at.format(form).to_string())
}

fn moment(micros: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        let day: chrono::NaiveDate = text.parse().unwrap();
        day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
    }

    #[test]
    fn frequencies_are_found_from_dates() {
        for (dates, wanted) in [
            (vec!["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-09"], Some(Frequency::Day)),
            (vec!["2024-01-01", "2024-01-08", "2024-01-15"], Some(Frequency::Week)),
            (vec!["2024-01-01", "2024-02-01", "2024-03-01"], Some(Frequency::Month)),
            (vec!["2024-01-31", "2024-04-30", "2024-07-31"], Some(Frequency::Quarter)),
            (vec!["2023-01-01", "2024-01-01", "2025-01-01"], Some(Frequency::Year)),
            (vec!["2024-01-01", "2024-01-04", "2024-01-07"], None),
            (vec!["2024-01-01"], None),
        ] {
            let times: Vec<i64> = dates.iter().map(|date| micros(date)).collect();
            assert_eq!(Frequency::of(&times), wanted, "{dates:?}");
        }
    }

    #[test]
    fn months_end_where_they_end() {
        let ends = [micros("2023-11-30"), micros("2023-12-31")];
        let calendar = Calendar::new(Frequency::Month, &ends, true);
        let shown: Vec<String> = (0..4).map(|step| calendar.shown(step)).collect();
        assert_eq!(shown, ["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29"]);
        let calendar = Calendar::new(Frequency::Quarter, &[micros("2023-11-15")], true);
        assert_eq!(calendar.shown(1), "2024-02-15");
        let calendar = Calendar::new(Frequency::Hour, &[micros("2024-01-01")], false);
        assert_eq!(calendar.shown(25), "2024-01-02 01:00:00");
    }
}
