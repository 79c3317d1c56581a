//! What an atom is given and what it gives back, in the form that crosses the process boundary.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;

/// One attempt of one task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// The atom's slug.
    pub atom: String,
    pub version: String,
    pub config: Value,
    pub inputs: Vec<InputTable>,
    /// Files behind the dataset ids in the config.
    pub datasets: Vec<InputTable>,
    /// Outputs go to `{output_prefix}/{name}/data.parquet`.
    pub output_prefix: String,
    /// Counts from 1.
    pub attempt: u32,
    /// Written into `metadata.json` as they are: run, task, place.
    pub labels: BTreeMap<String, String>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Parquet,
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

const MAX_LINE_CHARS: usize = 4_000;

/// Where log lines go; it must not block.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;
