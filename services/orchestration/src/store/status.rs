//! Statuses as they are written in the database.

use trinity_error::{Error, Result};

use crate::domain::engine::{EdgeKind, RunStatus, TaskStatus};

/// A run's status as text.
pub const fn run_text(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pending => "pending",
        RunStatus::Running => "running",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
    }
}

/// A run's status from text.
///
/// # Errors
/// `Internal` for a word that the table does not admit.
pub fn run_status(text: &str) -> Result<RunStatus> {
    [RunStatus::Pending, RunStatus::Running, RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled]
        .into_iter()
        .find(|status| run_text(*status) == text)
        .ok_or_else(|| Error::internal(format!("unknown run status {text}")))
}

/// A task's status as text.
pub const fn task_text(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Queued => "queued",
        TaskStatus::Running => "running",
        TaskStatus::Completed => "completed",
        TaskStatus::Failed => "failed",
        TaskStatus::Skipped => "skipped",
        TaskStatus::Cancelled => "cancelled",
    }
}

/// A task's status from text.
///
/// # Errors
/// `Internal` for a word that the table does not admit.
pub fn task_status(text: &str) -> Result<TaskStatus> {
    [
        TaskStatus::Queued,
        TaskStatus::Running,
        TaskStatus::Completed,
        TaskStatus::Failed,
        TaskStatus::Skipped,
        TaskStatus::Cancelled,
    ]
    .into_iter()
    .find(|status| task_text(*status) == text)
    .ok_or_else(|| Error::internal(format!("unknown task status {text}")))
}

/// An edge's kind as text.
pub const fn edge_text(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::DataFlow => "data_flow",
        EdgeKind::Conditional => "conditional",
        EdgeKind::Error => "error",
    }
}

/// An edge's kind from text.
///
/// # Errors
/// `Internal` for a word that nobody writes.
pub fn edge_kind(text: &str) -> Result<EdgeKind> {
    [EdgeKind::DataFlow, EdgeKind::Conditional, EdgeKind::Error]
        .into_iter()
        .find(|kind| edge_text(*kind) == text)
        .ok_or_else(|| Error::internal(format!("unknown edge type {text}")))
}
