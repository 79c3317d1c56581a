//! Reads fields of a document, noting what is malformed and going on.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::domain::document::Object;
use crate::domain::fault::{Fault, FaultCode};

/// How many molecules, and how many connections, a canvas may have.
const MAX_PARTS: usize = 4_000;
/// How long an id may be, in characters.
const MAX_ID: usize = 100;

/// What was found wrong so far.
pub(super) struct Reader {
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    /// The id of a molecule or atom; empty when it is malformed, which no connection can name.
    pub(super) fn id(&mut self, place: &str, object: &Object<'_>) -> String {
        let Some(id) = self.required(place, object, "id") else { return String::new() };
        let message = if id.trim() != id || id.is_empty() {
            "is empty, or has white space around it"
        } else if id.chars().count() > MAX_ID {
            "is longer than 100 characters"
        } else if id.contains(|c: char| matches!(c, '.' | '/' | '\\') || c.is_control()) {
            "holds a dot, a slash or a control character"
        } else {
            return id;
        };
        self.malformed(join(place, "id"), message);
        String::new()
    }

    pub(super) fn object<'a>(&mut self, place: &str, raw: &'a RawValue) -> Option<Object<'a>> {
        let Some(object) = Object::read(raw) else {
            self.malformed(place, "must be an object");
            return None;
        };
        if let Some(key) = object.repeated_key() {
            self.malformed(join(place, key), "appears twice");
        }
        Some(object)
    }

    /// The elements of an array with their places; none when it is absent.
    pub(super) fn items<'a>(&mut self, place: &str, object: &Object<'a>, key: &str) -> Vec<(String, &'a RawValue)> {
        let Some(raw) = object.get(key) else { return Vec::new() };
        let place = join(place, key);
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            self.malformed(place, "must be an array");
            return Vec::new();
        };
        if items.len() > MAX_PARTS {
            self.malformed(place, format!("has more than {MAX_PARTS} entries"));
            return Vec::new();
        }
        items.into_iter().enumerate().map(|(index, raw)| (format!("{place}[{index}]"), raw)).collect()
    }

    pub(super) fn required(&mut self, place: &str, object: &Object<'_>, key: &str) -> Option<String> {
        if object.get(key).is_none() {
            self.malformed(join(place, key), "is required");
        }
        self.field(place, object, key, "a text")
    }

    pub(super) fn field<T: DeserializeOwned>(
        &mut self,
        place: &str,
        object: &Object<'_>,
        key: &str,
        kind: &str,
    ) -> Option<T> {
        let value = serde_json::from_str(object.get(key)?.get());
        if value.is_err() {
            self.malformed(join(place, key), format!("must be {kind}"));
        }
        value.ok()
    }

    pub(super) fn malformed(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault::new(place, FaultCode::Malformed, message));
    }

    /// A number within bounds; the default when it is absent or malformed.
    pub(super) fn number<T>(&mut self, place: &str, object: &Object<'_>, key: &str, bounds: RangeInclusive<T>) -> T
    where
        T: DeserializeOwned + PartialOrd + Default + Display,
    {
        let Some(number) = self.field::<T>(place, object, key, "a whole number") else { return T::default() };
        if !bounds.contains(&number) {
            let message = if number > *bounds.end() && *bounds.start() == T::default() {
                format!("is more than {}", bounds.end())
            } else {
                format!("is not between {} and {}", bounds.start(), bounds.end())
            };
            self.malformed(join(place, key), message);
        }
        number
    }
}

/// The place of a field.
pub(super) fn join(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}
