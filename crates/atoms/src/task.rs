//! What an atom is given and what it gives back, in the form that crosses the process boundary.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;

/// One attempt of one task.
#[derive(Clone, Serialize, Deserialize)]
pub struct Task {
    /// The atom's slug.
    pub atom: String,
    pub version: String,
    pub config: Value,
    pub inputs: Vec<InputTable>,
    /// Files behind the dataset ids in the config.
    pub datasets: Vec<InputTable>,
    /// Outputs go to `{output_prefix}/{name}/data.<extension>`.
    pub output_prefix: String,
    /// Counts from 1.
    pub attempt: u32,
    /// Written into `metadata.json` as they are: run, task, place.
    pub labels: BTreeMap<String, String>,
    /// Values of the secrets that the config names. They are written nowhere.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
}

impl fmt::Debug for Task {
    /// Everything but the values of secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Task")
            .field("atom", &self.atom)
            .field("version", &self.version)
            .field("config", &self.config)
            .field("inputs", &self.inputs)
            .field("datasets", &self.datasets)
            .field("output_prefix", &self.output_prefix)
            .field("attempt", &self.attempt)
            .field("labels", &self.labels)
            .field("secrets", &self.secrets.keys())
            .finish()
    }
}

/// A table to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InputTable {
    /// Set for files behind dataset ids.
    pub dataset_id: Option<String>,
    pub storage_key: String,
    pub format: Format,
    /// SHA-256 in hex.
    pub content_hash: String,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    #[default]
    Parquet,
    /// .xlsx, .xls or .ods.
    Excel,
    /// One array of objects.
    Json,
    /// An object on each line.
    Ndjson,
    /// An Arrow IPC file or stream.
    Arrow,
}

impl Format {
    /// The word that configs and contracts have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Excel => "excel",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
        }
    }

    /// The format of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Csv, Self::Parquet, Self::Excel, Self::Json, Self::Ndjson, Self::Arrow]
            .into_iter()
            .find(|format| format.word() == word)
    }

    /// What a file that an atom writes in it ends with.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Excel => "xlsx",
            other => other.word(),
        }
    }
}

/// What an atom did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub rows_in: u64,
    /// Rows that go on to the next atom.
    pub rows_out: u64,
    pub outputs: Vec<OutputTable>,
    /// What there is to say beside the tables, as a JSON object.
    pub result: Value,
}

/// A table in the object store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputTable {
    pub name: String,
    pub storage_key: String,
    pub rows: u64,
    pub size_bytes: u64,
    /// SHA-256 in hex.
    pub content_hash: String,
    pub columns: Vec<ColumnInfo>,
    #[serde(default)]
    pub format: Format,
    /// What each column was made from, as far as the atom knows.
    #[serde(default)]
    pub lineage: Vec<ColumnLineage>,
}

/// What one column of an output was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnLineage {
    pub column: String,
    pub sources: Vec<ColumnSource>,
}

/// A column of an input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnSource {
    /// Place among the task's inputs, from 0; the files behind dataset ids come after them.
    pub input: u32,
    pub column: String,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    pub name: String,
    /// boolean, int64, float64, date, timestamp, string, or the engine's own name.
    #[serde(rename = "type")]
    pub kind: String,
    pub nullable: bool,
}

/// One thing that a running atom says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// debug, info, warn or error.
    pub level: String,
    pub message: String,
}

impl LogLine {
    /// A line said now; over-long messages are cut.
    pub fn now(level: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_LINE_CHARS) {
            message.truncate(end);
        }
        Self { at_ms: clock::now_ms(), level: level.to_owned(), message }
    }
}

/// The longest message of a line.
const MAX_LINE_CHARS: usize = 4_000;

/// Where log lines go; it must not block.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let task: Task = serde_json::from_value(serde_json::json!({
            "atom": "a", "version": "1.0.0", "config": {}, "inputs": [], "datasets": [], "output_prefix": "p",
            "attempt": 1, "labels": {}, "secrets": {"WAREHOUSE": "hunter2"},
        }))
        .unwrap();
        let shown = format!("{task:?}");
        assert!(shown.contains("WAREHOUSE") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn formats_are_known_by_their_words() {
        for format in ["csv", "parquet", "excel", "json", "ndjson", "arrow"] {
            assert_eq!(Format::parse(format).unwrap().word(), format);
            assert_eq!(serde_json::to_value(Format::parse(format).unwrap()).unwrap(), format);
        }
        assert_eq!(Format::parse("xlsx"), None);
    }
}
