//! What a tenant means to use in a calendar month (UTC), and when it is to be told.

use chrono::NaiveDate;
use serde::Serialize;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use super::Metric;

/// When to tell, if nobody says.
const DEFAULT_PERCENTS: [i32; 2] = [80, 100];
const MAX_PERCENT: u32 = 1000;
const MAX_ALERTS: usize = 20;

/// A budget that is to be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewBudget {
    pub metric: Metric,
    pub monthly_amount: i64,
    /// Ascending, each once.
    pub alert_percents: Vec<i32>,
}

/// A budget with what is used this month.
#[derive(Debug, Clone)]
pub struct Budget {
    pub set: NewBudget,
    pub used: i64,
    /// The highest percentage for which an alert was given this month; 0 for none.
    pub alerted_percent: i32,
}

/// A percentage of a budget that was reached for the first time in a month.
#[derive(Debug, Clone, Serialize)]
pub struct Alert {
    #[serde(skip)]
    pub tenant: TenantId,
    pub metric: Metric,
    /// The month's first day.
    pub month: NaiveDate,
    pub percent: i32,
    pub used: i64,
    pub monthly_amount: i64,
}

/// Checks the percentages of alerts; without any they are 80 and 100.
///
/// # Errors
/// `InvalidArgument` naming the place.
pub fn percents(given: &[u32]) -> Result<Vec<i32>> {
    if given.is_empty() {
        return Ok(DEFAULT_PERCENTS.to_vec());
    }
    if given.len() > MAX_ALERTS {
        return Err(Error::invalid("alert_percents", format!("has at most {MAX_ALERTS} entries")));
    }
    let mut percents = Vec::with_capacity(given.len());
    for (place, &percent) in given.iter().enumerate() {
        match i32::try_from(percent) {
            Ok(checked) if (1..=MAX_PERCENT).contains(&percent) => percents.push(checked),
            _ => return Err(Error::invalid(format!("alert_percents[{place}]"), format!("is from 1 to {MAX_PERCENT}"))),
        }
    }
    percents.sort_unstable();
    percents.dedup();
    Ok(percents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_ascend_and_stand_once() {
        assert_eq!(percents(&[]).unwrap(), [80, 100]);
        assert_eq!(percents(&[100, 50, 100, 1000]).unwrap(), [50, 100, 1000]);
        for given in [&[0][..], &[1001], &[50, u32::MAX], &[1; 21]] {
            assert!(percents(given).is_err(), "{given:?}");
        }
    }
}
