//! Files that tasks read and hand on, as they are kept beside the task.

use serde::{Deserialize, Serialize};

/// A table in the object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Set for files behind dataset ids of a config.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dataset_id: String,
    /// Key in the object store.
    pub storage_key: String,
    /// `csv`, `parquet`, `excel`, `json`, `ndjson` or `arrow`.
    pub format: String,
    /// SHA-256 in hex.
    pub content_hash: String,
    /// The output that it is, for a file that a task wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Output>,
}

/// A table that a task wrote, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The output's name, such as `profile`.
    pub name: String,
    /// The dataset that it became.
    pub dataset_id: String,
    /// How many rows it has.
    pub rows: u64,
    /// Its size.
    pub size_bytes: u64,
}

/// One part of a table that was parted by the values of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The value that all its rows have.
    pub value: serde_json::Value,
    /// Its rows.
    pub file: File,
}

/// What one task hands on, as it is written: nothing, a file, or a list of files.
#[must_use]
pub fn write_files(files: &[File]) -> Option<String> {
    match files {
        [] => None,
        [one] => serde_json::to_string(one).ok(),
        many => serde_json::to_string(many).ok(),
    }
}

/// Reads what [`write_files`] wrote.
#[must_use]
pub fn read_files(text: Option<&str>) -> Vec<File> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(File),
        Many(Vec<File>),
    }
    match text.map(serde_json::from_str) {
        Some(Ok(OneOrMany::One(file))) => vec![file],
        Some(Ok(OneOrMany::Many(files))) => files,
        Some(Err(_)) | None => Vec::new(),
    }
}
