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
    /// `csv` or `parquet`.
    pub format: String,
    /// SHA-256 in hex.
    pub content_hash: String,
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
