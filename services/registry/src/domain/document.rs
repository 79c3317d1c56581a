//! JSON objects that are kept as the text that came: order of keys and exact numbers survive.

use serde_json::value::RawValue;
use trinity_error::{Error, Result};

const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 128;

/// The text of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document(String);

impl Document {
    /// The object without keys.
    pub fn empty() -> Self {
        Self("{}".to_owned())
    }

    /// Checks what people send: a JSON object of at most 1 MiB, at most 128 levels deep.
    ///
    /// # Errors
    /// `InvalidArgument` naming `field`.
    pub fn parse(field: &str, text: String) -> Result<Self> {
        Self::within(field, text, MAX_BYTES, MAX_DEPTH)
    }

    /// Checks what another service has checked, and wrapped perhaps: twice as much is taken.
    ///
    /// # Errors
    /// `InvalidArgument` naming `field`.
    pub fn parse_handed_over(field: &str, text: String) -> Result<Self> {
        Self::within(field, text, 2 * MAX_BYTES, 2 * MAX_DEPTH)
    }

    fn within(field: &str, text: String, max_bytes: usize, max_depth: usize) -> Result<Self> {
        if text.len() > max_bytes {
            return Err(Error::invalid(field, format!("is larger than {} MiB", max_bytes >> 20)));
        }
        let raw: &RawValue =
            serde_json::from_str(&text).map_err(|error| Error::invalid(field, format!("is not JSON: {error}")))?;
        if !raw.get().starts_with('{') {
            return Err(Error::invalid(field, "must be a JSON object"));
        }
        if depth(raw.get()) > max_depth {
            return Err(Error::invalid(field, format!("is nested more than {max_depth} levels deep")));
        }
        Ok(Self(text))
    }

    /// Takes a text that was checked before it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The text as it came.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// How many levels of objects and arrays a valid JSON text has.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kept_as_it_came() {
        let text = r#" {"b": 12345678901234567890123, "a": {"z": 1.10, "[[": "\"{{"}} "#;
        assert_eq!(Document::parse("state", text.to_owned()).unwrap().text(), text);
    }

    #[test]
    fn what_is_no_object_or_too_big_is_refused() {
        let nested = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(Document::parse("state", nested(127)).is_ok());
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BYTES));
        for bad in
            ["", "[]", "1", "null", "{", "{\"a\":1}x", "{'a':1}", "{\"a\":NaN}", &nested(128), &nested(100_000), &large]
        {
            let error = Document::parse("state", bad.to_owned()).unwrap_err();
            assert_eq!(error.violations()[0].field, "state");
        }
    }
}
