//! Conveniences of the `Json` message.

use crate::common::Json;

impl Json {
    /// Wraps a JSON text as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }
}
