//! What a run is to be made of, and what asked for it.

use trinity_ids::{HookId, JobId, RunId, ScheduleId, TaskId, TenantId, UserId, WorkflowId};

/// How deep runs may lie below each other.
pub const MAX_DEPTH: i32 = 8;

/// What is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A workflow's version; the newest without one.
    Workflow(WorkflowId, Option<u64>),
    /// A job as it is now.
    Job(JobId),
}

/// What started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Somebody at the door.
    Manual,
    /// The clock.
    Scheduled,
    /// A call of a secret address.
    Webhook,
    /// A task of another run.
    Parent,
}

impl Trigger {
    /// Its word in the database.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Scheduled => "scheduled",
            Self::Webhook => "webhook",
            Self::Parent => "parent",
        }
    }

    /// The trigger of this word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Manual, Self::Scheduled, Self::Webhook, Self::Parent].into_iter().find(|one| one.text() == text)
    }
}

/// The task that started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Its run.
    pub run: RunId,
    /// The task.
    pub task: TaskId,
    /// The item's place in a fan-out, from 0.
    pub item: Option<i32>,
}

/// A run to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whose it is.
    pub tenant: TenantId,
    /// The id that it will have.
    pub id: RunId,
    /// What is to run.
    pub target: Target,
    /// What its tasks may know: a JSON object.
    pub context: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// The person who answers for it.
    pub created_by: UserId,
    /// The run that it repeats.
    pub rerun_of: Option<RunId>,
    /// The schedule that fired.
    pub schedule_id: Option<ScheduleId>,
    /// The hook that was called.
    pub hook_id: Option<HookId>,
    /// The task that started it.
    pub parent: Option<Parent>,
    /// How many runs are above it.
    pub depth: i32,
    /// What its parent's task hands to it: files as JSON.
    pub inputs: Option<String>,
    /// Added to the priority of each of its tasks.
    pub priority: i32,
    /// How long it may take, besides what its plan says; 0 for no limit.
    pub timeout_ms: u64,
}
