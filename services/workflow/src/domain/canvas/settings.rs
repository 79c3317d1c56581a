//! What a canvas says of its runs as a whole.

use std::ops::RangeInclusive;

use trinity_expression::{CONTEXT, Expression};

use super::reader::{Reader, join};
use crate::domain::document::Object;
use crate::domain::fault::{Fault, FaultCode};

/// Of runs and of tasks.
pub(super) const PRIORITIES: RangeInclusive<i32> = -1_000..=1_000;
/// Thirty days.
const MAX_TIMEOUT_MS: u64 = 30 * 24 * 3_600_000;
const MAX_CONCURRENCY: u32 = 1_000;

/// How runs are treated.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// How long a run may take; 0 for no limit.
    pub timeout_ms: u64,
    /// Added to the priority of each task.
    pub priority: i32,
    pub concurrency: Option<Concurrency>,
}

/// How many runs with the same key go at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// An expression over the run's context.
    pub key: String,
    pub limit: u32,
}

impl Reader {
    pub(super) fn settings(&mut self, canvas: &Object<'_>) -> Settings {
        Settings {
            timeout_ms: self.number("", canvas, "timeout_ms", 0..=MAX_TIMEOUT_MS),
            priority: self.number("", canvas, "priority", PRIORITIES),
            concurrency: self.concurrency(canvas),
        }
    }

    fn concurrency(&mut self, canvas: &Object<'_>) -> Option<Concurrency> {
        const PLACE: &str = "concurrency";
        let object = self.object(PLACE, canvas.get(PLACE)?)?;
        let key: Option<String> = self.required(PLACE, &object, "key");
        let limit = self.number(PLACE, &object, "limit", 1..=MAX_CONCURRENCY);
        if object.get("limit").is_none() {
            self.malformed(join(PLACE, "limit"), "is required");
        }
        let key = key?;
        if let Err(fault) = Expression::parse_over(&key, CONTEXT) {
            self.faults.push(Fault::new(join(PLACE, "key"), FaultCode::BadExpression, fault.message));
        }
        Some(Concurrency { key, limit })
    }
}
