//! Between the contract's messages and the domain.

mod plan;
mod tenant;
mod usage;

use chrono::{DateTime, Datelike, Utc};
use trinity_error::{Error, Result};
use trinity_proto::Timestamp;

pub(crate) use tenant::tenant_page;
pub(crate) use usage::{batch_id, entries, metric};

fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default() }
}

/// A time that Postgres can hold.
fn time(field: &str, at: Timestamp) -> Result<DateTime<Utc>> {
    let nanos = u32::try_from(at.nanos).ok();
    nanos
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .filter(|at| (1..=9999).contains(&at.year()))
        .ok_or_else(|| Error::invalid(field, "is not a time"))
}
