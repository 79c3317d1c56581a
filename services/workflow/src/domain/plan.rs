//! The executable form of a canvas, as it is stored with its version.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trinity_ids::WorkflowId;

use super::canvas::EdgeType;

/// Tasks in an order in which each stands after all that it depends on.
///
/// Invariant: what was added since the first plans were stored has a default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    pub tasks: Vec<Task>,
    /// How long a run may take; 0 for no limit.
    #[serde(default)]
    pub timeout_ms: u64,
    /// Added to the priority of each task.
    #[serde(default)]
    pub priority: i32,
    /// An expression over the run's context; empty for no limit on runs with the same key.
    #[serde(default)]
    pub concurrency_key: String,
    #[serde(default)]
    pub concurrency_limit: u32,
    /// The workflows that are parts of this one.
    #[serde(default)]
    pub calls: Vec<Call>,
}

/// Another workflow that a config names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Where it stands on the canvas, such as `molecules[0].atoms[1].config.workflow`.
    pub place: String,
    pub workflow: WorkflowId,
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
    /// Runs when all that it depends on has ended and one edge was followed.
    #[serde(default)]
    pub any_input: bool,
    /// 0 for the default.
    #[serde(default)]
    pub backoff_ms: u64,
    /// 0 for the default.
    #[serde(default)]
    pub max_backoff_ms: u64,
    /// Which workers may take it; empty for those with the built-in atoms.
    #[serde(default)]
    pub worker_label: String,
    /// As the catalogue says; empty in plans from before it did.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Names of variables of somebody's environment.
    #[serde(default)]
    pub secrets: Vec<String>,
}

impl Task {
    /// Whether the compiler added it, so that no atom of the canvas stands behind it.
    ///
    /// Invariant: ids hold no dots, so no atom's place ends so.
    #[must_use]
    pub fn is_join(&self) -> bool {
        self.place.ends_with(JOIN)
    }
}

/// What the place of a fan-out's join adds to that of the fan-out.
pub const JOIN: &str = ".join";

/// A dependency on an earlier task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Index into the plan's tasks.
    pub from: usize,
    pub edge: EdgeType,
    /// Empty unless conditional.
    pub when: String,
}
