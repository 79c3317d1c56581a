//! The executable form of a canvas, as it is stored with its version.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::canvas::EdgeType;

/// Tasks in an order in which each stands after all that it depends on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    pub tasks: Vec<Task>,
}

/// One atom to execute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Its name on the canvas, such as `prep.clean`.
    pub place: String,
    /// The molecule's id.
    pub molecule: String,
    /// The atom's name in the catalogue.
    pub atom: String,
    /// Pinned when the canvas was saved.
    pub atom_version: String,
    /// As it was written.
    pub config: Box<RawValue>,
    /// The predecessor in the molecule first, then connections in their order.
    pub inputs: Vec<Input>,
    pub passthrough: bool,
    pub outputs: Vec<String>,
    pub dataset_ids: Vec<String>,
    /// 0 for the default.
    pub max_attempts: u32,
    /// 0 for the default.
    pub timeout_ms: u64,
    pub priority: i32,
}

/// A dependency on an earlier task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Index into the plan's tasks.
    pub from: usize,
    pub edge: EdgeType,
    /// Empty unless conditional.
    pub when: String,
}
