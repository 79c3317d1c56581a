//! One use of an atom, and how the engine is to treat it.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Atom;
use super::reader::{Reader, join};
use super::settings::PRIORITIES;

const MAX_ATTEMPTS: u32 = 20;
/// A week.
const MAX_TIMEOUT_MS: u64 = 7 * 24 * 3_600_000;
/// A day.
const MAX_BACKOFF_MS: u64 = 24 * 3_600_000;

/// What of its edges an atom needs to run.
#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Needs {
    All,
    Any,
}

impl Reader {
    pub(super) fn atom(&mut self, place: String, raw: &RawValue) -> Option<Atom> {
        let object = self.object(&place, raw)?;
        let backoff_ms = self.number(&place, &object, "backoff_ms", 0..=MAX_BACKOFF_MS);
        let max_backoff_ms = self.number(&place, &object, "max_backoff_ms", 0..=MAX_BACKOFF_MS);
        if max_backoff_ms > 0 && max_backoff_ms < backoff_ms {
            self.malformed(join(&place, "max_backoff_ms"), "is less than backoff_ms");
        }
        Some(Atom {
            id: self.id(&place, &object),
            slug: self.required(&place, &object, "atom").unwrap_or_default(),
            version: self.field(&place, &object, "version", "a text"),
            config: object.get("config").map_or_else(no_config, ToOwned::to_owned),
            max_attempts: self.number(&place, &object, "max_attempts", 0..=MAX_ATTEMPTS),
            timeout_ms: self.number(&place, &object, "timeout_ms", 0..=MAX_TIMEOUT_MS),
            priority: self.number(&place, &object, "priority", PRIORITIES),
            any_input: self.field(&place, &object, "needs", "all or any") == Some(Needs::Any),
            backoff_ms,
            max_backoff_ms,
            place,
        })
    }
}

fn no_config() -> Box<RawValue> {
    // Invariant: an empty object is JSON.
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")
}
