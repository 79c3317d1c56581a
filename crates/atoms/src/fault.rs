//! Why an atom failed: a stable word, a sentence for the person who built the workflow, and whether to try again.

use datafusion::{arrow::error::ArrowError, error::DataFusionError};
use serde::{Deserialize, Serialize};

/// Longest message in characters; the engine quotes data and queries.
const MAX_MESSAGE_CHARS: usize = 2_000;

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// A stable SCREAMING_SNAKE word.
    pub code: String,
    pub message: String,
    /// Whether another attempt may succeed: lost connections and crashes, not bad data or a bad config.
    pub retryable: bool,
}

/// The words that callers compare with.
pub mod code {
    pub const ARROW_MALFORMED: &str = "ARROW_MALFORMED";
    pub const ATOM_CRASHED: &str = "ATOM_CRASHED";
    pub const ATOM_UNKNOWN: &str = "ATOM_UNKNOWN";
    pub const CANCELLED: &str = "CANCELLED";
    pub const CONFIG_INVALID: &str = "CONFIG_INVALID";
    pub const CONNECTION_FAILED: &str = "CONNECTION_FAILED";
    pub const CSV_EMPTY: &str = "CSV_EMPTY";
    pub const CSV_MALFORMED: &str = "CSV_MALFORMED";
    pub const DATA_INVALID: &str = "DATA_INVALID";
    pub const HTTP_ANSWER_INVALID: &str = "HTTP_ANSWER_INVALID";
    pub const HTTP_FAILED: &str = "HTTP_FAILED";
    pub const HTTP_REFUSED: &str = "HTTP_REFUSED";
    pub const HTTP_REJECTED: &str = "HTTP_REJECTED";
    pub const EXCEL_MALFORMED: &str = "EXCEL_MALFORMED";
    pub const INPUT_MISSING: &str = "INPUT_MISSING";
    pub const INTERNAL: &str = "INTERNAL";
    pub const IO_FAILED: &str = "IO_FAILED";
    pub const JSON_MALFORMED: &str = "JSON_MALFORMED";
    pub const JOIN_TOO_LARGE: &str = "JOIN_TOO_LARGE";
    pub const OUT_OF_MEMORY: &str = "OUT_OF_MEMORY";
    pub const PARQUET_MALFORMED: &str = "PARQUET_MALFORMED";
    pub const QUERY_INVALID: &str = "QUERY_INVALID";
    pub const SECRET_MISSING: &str = "SECRET_MISSING";
    pub const TOO_LARGE: &str = "TOO_LARGE";
    pub const VALIDATION_FAILED: &str = "VALIDATION_FAILED";
}

impl Fault {
    /// A failure that another attempt would repeat.
    pub fn lasting(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: cut(message.into()), retryable: false }
    }

    /// A failure that another attempt may not meet.
    pub fn passing(code: &str, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::lasting(code, message) }
    }

    /// A config that passed its schema and still makes no sense with this data.
    pub fn config(message: impl Into<String>) -> Self {
        Self::lasting(code::CONFIG_INVALID, message)
    }

    /// The task was asked to stop.
    pub fn cancelled() -> Self {
        Self::lasting(code::CANCELLED, "cancelled")
    }

    /// The same without what these texts say.
    pub(crate) fn without<'a>(mut self, secrets: impl Iterator<Item = &'a String>) -> Self {
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            self.message = self.message.replace(secret, "•••");
        }
        self
    }

    /// The same with words put before the message.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.message = cut(format!("{what}: {}", self.message));
        self
    }
}

fn cut(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

impl From<DataFusionError> for Fault {
    fn from(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::SQL(..)
            | DataFusionError::Plan(_)
            | DataFusionError::SchemaError(..)
            | DataFusionError::NotImplemented(_)
            | DataFusionError::Configuration(_) => Self::lasting(code::QUERY_INVALID, words(&error)),
            DataFusionError::ResourcesExhausted(_) => Self::lasting(
                code::OUT_OF_MEMORY,
                "the operation needs more memory than a task may use, and this step cannot use the disk instead",
            ),
            DataFusionError::IoError(inner) => Self::from_io(inner),
            DataFusionError::ObjectStore(inner) => match inner.as_ref() {
                datafusion::object_store::Error::NotFound { .. } => Self::missing(),
                _ => Self::passing(code::IO_FAILED, "an input could not be read"),
            },
            DataFusionError::ParquetError(inner) => Self::lasting(code::PARQUET_MALFORMED, inner.to_string()),
            DataFusionError::ArrowError(inner, _) => Self::from_arrow(inner),
            DataFusionError::Execution(message) => Self::lasting(code::DATA_INVALID, message),
            DataFusionError::External(inner) => {
                inner.downcast_ref::<Self>().cloned().unwrap_or_else(|| Self::passing(code::INTERNAL, words(&error)))
            }
            _ => Self::passing(code::INTERNAL, words(&error)),
        }
    }
}

/// The root of an error without the engine's own headings.
fn words(error: &DataFusionError) -> String {
    let text = error.find_root().strip_backtrace();
    let plain = ["SQL error: ", "Error during planning: ", "Schema error: ", "Execution error: "]
        .iter()
        .fold(text.as_str(), |text, heading| text.strip_prefix(heading).unwrap_or(text));
    plain.to_owned()
}

impl Fault {
    /// Why: the engine's own message holds paths of this machine, so only the kind is told.
    pub(crate) fn from_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::missing(),
            kind => Self::passing(code::IO_FAILED, format!("reading or writing failed: {kind}")),
        }
    }

    /// The file of an input is not in the object store.
    pub(crate) fn missing() -> Self {
        Self::lasting(code::INPUT_MISSING, "the file of an input is not in the object store")
    }

    fn from_arrow(error: &ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, inner) => Self::from_io(inner),
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => Self::lasting(code::DATA_INVALID, words(inner)),
                None => Self::lasting(code::DATA_INVALID, inner.to_string()),
            },
            other => Self::lasting(code::DATA_INVALID, other.to_string()),
        }
    }
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Self::from_arrow(&error)
    }
}

impl From<trinity_storage::Error> for Fault {
    fn from(error: trinity_storage::Error) -> Self {
        match error {
            trinity_storage::Error::NotFound(_) => Self::missing(),
            trinity_storage::Error::InvalidKey(_) => Self::lasting(code::INTERNAL, error.to_string()),
            _ => Self::passing(code::IO_FAILED, "the object store failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_queries_last_and_broken_disks_pass() {
        let plan = Fault::from(DataFusionError::Plan("no such column".into()).context("while planning"));
        assert_eq!((plan.code.as_str(), plan.retryable), (code::QUERY_INVALID, false));
        assert_eq!(plan.message, "no such column");
        let io = std::io::Error::new(std::io::ErrorKind::StorageFull, "/secret/path");
        let io = Fault::from(DataFusionError::IoError(io));
        assert_eq!((io.code.as_str(), io.retryable), (code::IO_FAILED, true));
        assert!(!io.message.contains("/secret"));
    }

    #[test]
    fn a_fault_survives_its_way_through_the_engine() {
        let fault = Fault::lasting(code::CSV_MALFORMED, "line 3: odd");
        assert_eq!(Fault::from(DataFusionError::External(Box::new(fault.clone())).context("reading")), fault);
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(Fault::config("ä".repeat(5_000)).message.chars().count(), MAX_MESSAGE_CHARS + 1);
    }
}
