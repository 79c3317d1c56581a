//! What a task has come to.

use crate::domain::file::{File, Output, Part};

/// A result, whoever carried the task out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskResult {
    /// What follows receives.
    pub handed_on: Vec<File>,
    /// Tables that it wrote.
    pub outputs: Vec<Output>,
    /// For a `partition`: the parts that a fan-out may go over.
    pub parts: Vec<Part>,
    pub rows_in: u64,
    pub rows_out: u64,
    /// What the atom reported besides its tables, as JSON.
    pub result: Option<String>,
    /// Whether its outputs were taken from the cache.
    pub cached: bool,
}
