//! Where runs and tasks stand, as the core sees them.

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// No task has started.
    Pending,
    /// Some task has started.
    Running,
    /// Every task ended, and no failure was left unhandled.
    Succeeded,
    /// A task failed, and no error edge took it up.
    Failed,
    /// Somebody ended it.
    Cancelled,
}

impl RunStatus {
    /// Whether nothing more happens.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waits for others, for a slot or for its next attempt.
    Queued,
    /// A worker has it.
    Running,
    /// Its result is recorded.
    Completed,
    /// Its last attempt failed.
    Failed,
    /// What it depends on did not come about.
    Skipped,
    /// The run was cancelled before it ended.
    Cancelled,
}

impl TaskStatus {
    /// Whether nothing more happens.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What an edge carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// The upstream task's table; followed when it completed.
    DataFlow,
    /// As `DataFlow`, when a condition held as well.
    Conditional,
    /// Followed when the upstream task failed.
    Error,
}

/// A dependency on an earlier task of the same run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The earlier task's ordinal.
    pub from: usize,
    /// What the edge carries.
    pub kind: EdgeKind,
}

/// One task as the core sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// Where it stands.
    pub status: TaskStatus,
    /// Whether it is on its way: in the queue, or at work.
    pub enqueued: bool,
    /// The attempt that a worker has or had last; 0 before the first.
    pub attempt: u32,
    /// Attempts that ended because a worker fell silent.
    pub losses: u32,
    /// How many attempts may fail.
    pub max_attempts: u32,
    /// Whether one edge that was followed is enough, once all that it depends on has ended.
    pub any_input: bool,
    /// Followers whose condition held when it completed.
    pub opened: Vec<usize>,
    /// What it depends on.
    pub upstream: Vec<Edge>,
}

/// A run as the core sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// Where it stands.
    pub status: RunStatus,
    /// Its tasks, each after all that it depends on.
    pub tasks: Vec<TaskState>,
}

impl RunState {
    /// Whether an edge to the task `to` was followed.
    #[must_use]
    pub fn is_followed(&self, edge: Edge, to: usize) -> bool {
        let upstream = &self.tasks[edge.from];
        match edge.kind {
            EdgeKind::DataFlow => upstream.status == TaskStatus::Completed,
            EdgeKind::Conditional => upstream.status == TaskStatus::Completed && upstream.opened.contains(&to),
            EdgeKind::Error => upstream.status == TaskStatus::Failed,
        }
    }
}
