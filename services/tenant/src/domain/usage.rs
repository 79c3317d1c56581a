//! What is metered, by day (UTC).

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde::Serialize;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

/// How many days are shown when none are named.
const DEFAULT_DAYS: u64 = 30;
const MAX_DAYS: i64 = 366;
/// The most that one entry may add: beyond it somebody has counted wrong.
const MAX_AMOUNT: u64 = 1_000_000_000_000_000;

/// What is metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Requests,
    Runs,
    TaskSeconds,
    StorageBytes,
    Seats,
}

impl Metric {
    /// The word under which it is stored: the name of its column, too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Runs => "runs",
            Self::TaskSeconds => "task_seconds",
            Self::StorageBytes => "storage_bytes",
            Self::Seats => "seats",
        }
    }

    /// Reads a stored word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Requests, Self::Runs, Self::TaskSeconds, Self::StorageBytes, Self::Seats]
            .into_iter()
            .find(|metric| metric.as_str() == word)
    }
}

/// Amounts of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    pub requests: i64,
    pub runs: i64,
    pub task_seconds: i64,
    pub storage_bytes: i64,
    pub seats: i64,
}

/// One day of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub day: NaiveDate,
    pub amounts: Amounts,
}

/// One thing that a service has counted.
#[derive(Debug, Clone)]
pub struct Entry {
    pub tenant: TenantId,
    pub day: NaiveDate,
    pub metric: Metric,
    pub amount: i64,
}

/// A batch by tenant and day, in order.
pub type Tally = BTreeMap<(TenantId, NaiveDate), Amounts>;

/// Puts the entries of a batch together.
pub fn tally(entries: Vec<Entry>) -> Tally {
    let mut tally = Tally::new();
    for entry in entries {
        let amounts = tally.entry((entry.tenant, entry.day)).or_default();
        let add = |amount: &mut i64| *amount = amount.saturating_add(entry.amount);
        let raise = |amount: &mut i64| *amount = entry.amount.max(*amount);
        match entry.metric {
            Metric::Requests => add(&mut amounts.requests),
            Metric::Runs => add(&mut amounts.runs),
            Metric::TaskSeconds => add(&mut amounts.task_seconds),
            Metric::StorageBytes => raise(&mut amounts.storage_bytes),
            Metric::Seats => raise(&mut amounts.seats),
        }
    }
    tally
}

/// Checks an amount.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub fn amount(field: &str, amount: u64) -> Result<i64> {
    match i64::try_from(amount) {
        Ok(checked) if amount <= MAX_AMOUNT => Ok(checked),
        _ => Err(Error::invalid(field, format!("is at most {MAX_AMOUNT}"))),
    }
}

/// Reads a day, such as 2026-11-21.
///
/// # Errors
/// `InvalidArgument` naming `field`.
pub fn day(field: &str, text: &str) -> Result<NaiveDate> {
    let bad = || Error::invalid(field, "is not a day such as 2026-11-21");
    if text.len() != 10 || !text.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(bad());
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| bad())
}

/// The first and last day that are asked for; `today` ends what has no end.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn range(from: &str, to: &str, today: NaiveDate) -> Result<(NaiveDate, NaiveDate)> {
    let last = if to.is_empty() { today } else { day("to", to)? };
    let first = if from.is_empty() {
        last.checked_sub_days(Days::new(DEFAULT_DAYS - 1)).ok_or_else(|| Error::invalid("to", "is too early"))?
    } else {
        day("from", from)?
    };
    match last.signed_duration_since(first).num_days() {
        ..0 => Err(Error::invalid("to", "is before from")),
        0..MAX_DAYS => Ok((first, last)),
        _ => Err(Error::invalid("from", format!("is at most {MAX_DAYS} days before to"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        day("day", text).unwrap()
    }

    #[test]
    fn a_tally_adds_what_is_counted_and_keeps_the_most_of_what_is_held() {
        let (one, two) = (TenantId::new(), TenantId::new());
        let entry = |tenant, metric, amount| Entry { tenant, day: date("2026-11-21"), metric, amount };
        let tally = tally(vec![
            entry(one, Metric::Requests, 3),
            entry(two, Metric::Requests, 5),
            entry(one, Metric::Requests, 4),
            entry(one, Metric::Seats, 9),
            entry(one, Metric::Seats, 2),
        ]);
        assert_eq!(tally.len(), 2);
        assert_eq!(tally[&(one, date("2026-11-21"))], Amounts { requests: 7, seats: 9, ..Amounts::default() });
    }

    #[test]
    fn days_have_one_spelling() {
        for text in ["", "2026-11-31", "2026-1-1", "21.11.2026", "+026-11-21", "2026-11-21T00"] {
            assert!(day("day", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_range_is_a_year_at_the_most() {
        let today = date("2026-11-21");
        assert_eq!(range("", "", today).unwrap(), (date("2026-10-23"), today));
        assert_eq!(range("2026-11-01", "", today).unwrap(), (date("2026-11-01"), today));
        assert_eq!(range("", "2024-02-29", today).unwrap().0, date("2024-01-31"));
        assert!(range("2025-11-21", "2026-11-21", today).is_ok());
        for (from, to) in [("2025-11-20", ""), ("2026-11-22", ""), ("2026-11-02", "2026-11-01"), ("x", ""), ("", "y")] {
            assert!(range(from, to, today).is_err(), "{from} {to}");
        }
    }
}
