//! JSON documents as text: limits, and objects whose values stay as they were written.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a document may be nested.
pub const MAX_DEPTH: usize = 128;

/// Checks that a text is one JSON document within the limits.
///
/// # Errors
/// Says what is wrong, for a person.
pub fn check(text: &str, max_bytes: usize) -> Result<(), String> {
    if text.len() > max_bytes {
        return Err(format!("is larger than {} KiB", max_bytes / 1024));
    }
    if depth(text) > MAX_DEPTH {
        return Err(format!("is nested deeper than {MAX_DEPTH} levels"));
    }
    serde_json::from_str::<&RawValue>(text).map(|_| ()).map_err(|error| format!("is not JSON: {error}"))
}

/// Checks a document that must be an object.
///
/// # Errors
/// Says what is wrong, for a person.
pub fn check_object(text: &str, max_bytes: usize) -> Result<(), String> {
    check(text, max_bytes)?;
    if text.trim_start().starts_with('{') { Ok(()) } else { Err("must be an object".to_owned()) }
}

/// How deep brackets go; right for JSON, an estimate for anything else.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// An object with its keys in order and its values untouched.
#[derive(Debug, Default)]
pub struct Object<'a>(pub Vec<(String, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Reads an object; None for anything else.
    pub fn read(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// The value of a key, unless it is absent or null.
    pub fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, value)| name == key && value.get() != "null").map(|(_, value)| *value)
    }

    /// A key that appears twice.
    pub fn repeated_key(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        self.0.iter().find(|(name, _)| !seen.insert(name)).map(|(name, _)| name.as_str())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(check(&nested(MAX_DEPTH), 1024), Ok(()));
        assert_eq!(check(&nested(MAX_DEPTH + 1), 1024), Err("is nested deeper than 128 levels".to_owned()));
        assert_eq!(check(r#"{"text": "[[[\"[["}"#, 1024), Ok(()));
        assert_eq!(check(&nested(50), 99), Err("is larger than 0 KiB".to_owned()));
        assert!(check("{} {}", 1024).unwrap_err().starts_with("is not JSON: trailing characters"));
        assert!(check_object("[]", 1024).is_err());
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let text = r#"{"b": 12345678901234567890123, "a" : 1e400, "b": null}"#;
        let object: Object = serde_json::from_str(text).unwrap();
        assert_eq!(object.get("b").unwrap().get(), "12345678901234567890123");
        assert_eq!(object.get("a").unwrap().get(), "1e400");
        assert_eq!(object.repeated_key(), Some("b"));
        assert!(object.get("c").is_none());
    }
}
