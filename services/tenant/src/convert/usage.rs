//! Usage and budgets.

use trinity_error::{Error, Result, parse_id};
use trinity_proto::tenant as pb;

use crate::domain::usage::{self, Day, Entry};
use crate::domain::{self, Budget, Metric, NewBudget};

const MAX_BATCH_ID_CHARS: usize = 100;
const MAX_ENTRIES: usize = 50_000;

/// Checks the id of a batch.
pub fn batch_id(id: &str) -> Result<String> {
    let id = domain::text("batch_id", id, MAX_BATCH_ID_CHARS)?;
    if id.is_empty() { Err(Error::required("batch_id")) } else { Ok(id) }
}

/// Checks the entries of a batch.
pub fn entries(entries: Vec<pb::UsageEntry>) -> Result<Vec<Entry>> {
    if entries.len() > MAX_ENTRIES {
        return Err(Error::invalid("entries", format!("has at most {MAX_ENTRIES} entries")));
    }
    let entry = |(place, entry): (usize, pb::UsageEntry)| {
        let field = |name: &str| format!("entries[{place}].{name}");
        Ok(Entry {
            tenant: parse_id(&field("tenant_id"), &entry.tenant_id)?,
            day: usage::day(&field("day"), &entry.day)?,
            metric: metric(&field("metric"), entry.metric)?,
            amount: usage::amount(&field("amount"), entry.amount)?,
        })
    };
    entries.into_iter().enumerate().map(entry).collect()
}

/// Reads a metric.
pub fn metric(field: &str, metric: i32) -> Result<Metric> {
    match pb::Metric::try_from(metric) {
        Ok(pb::Metric::Requests) => Ok(Metric::Requests),
        Ok(pb::Metric::Runs) => Ok(Metric::Runs),
        Ok(pb::Metric::TaskSeconds) => Ok(Metric::TaskSeconds),
        Ok(pb::Metric::StorageBytes) => Ok(Metric::StorageBytes),
        Ok(pb::Metric::Seats) => Ok(Metric::Seats),
        Ok(pb::Metric::Unspecified) => Err(Error::required(field)),
        Err(_) => Err(Error::invalid(field, "is not a metric")),
    }
}

impl From<Metric> for pb::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Requests => Self::Requests,
            Metric::Runs => Self::Runs,
            Metric::TaskSeconds => Self::TaskSeconds,
            Metric::StorageBytes => Self::StorageBytes,
            Metric::Seats => Self::Seats,
        }
    }
}

impl From<Day> for pb::UsageDay {
    fn from(day: Day) -> Self {
        Self {
            day: day.day.to_string(),
            requests: day.amounts.requests.unsigned_abs(),
            runs: day.amounts.runs.unsigned_abs(),
            task_seconds: day.amounts.task_seconds.unsigned_abs(),
            storage_bytes: day.amounts.storage_bytes.unsigned_abs(),
            seats: day.amounts.seats.unsigned_abs(),
        }
    }
}

impl TryFrom<pb::SetBudgetRequest> for NewBudget {
    type Error = Error;

    fn try_from(request: pb::SetBudgetRequest) -> Result<Self> {
        if request.monthly_amount == 0 {
            return Err(Error::required("monthly_amount"));
        }
        Ok(Self {
            metric: metric("metric", request.metric)?,
            monthly_amount: i64::try_from(request.monthly_amount)
                .map_err(|_| Error::invalid("monthly_amount", "is too large"))?,
            alert_percents: domain::percents(&request.alert_percents)?,
        })
    }
}

impl From<Budget> for pb::Budget {
    fn from(budget: Budget) -> Self {
        Self {
            metric: pb::Metric::from(budget.set.metric).into(),
            monthly_amount: budget.set.monthly_amount.unsigned_abs(),
            alert_percents: budget.set.alert_percents.into_iter().map(i32::unsigned_abs).collect(),
            used: budget.used.unsigned_abs(),
            alerted_percent: budget.alerted_percent.unsigned_abs(),
        }
    }
}
