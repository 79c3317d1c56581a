//! The engine's core: what an event means for a run. `(RunState, Event) → (RunState, Vec<Command>)`, nothing else.
//!
//! The doors around it keep the state in Postgres and carry the commands out. Every event may come twice or too late;
//! what no longer fits is ignored.

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

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was made. Tasks that another run has completed already may be among its own.
    Created,
    /// The engine itself took a task that needs no worker.
    Started {
        /// The task.
        ordinal: usize,
    },
    /// A task's attempt gave a result.
    Completed {
        /// The task.
        ordinal: usize,
        /// The attempt.
        attempt: u32,
        /// Followers whose condition holds.
        opened: Vec<usize>,
        /// Followers whose condition cannot be evaluated.
        broken: Vec<usize>,
    },
    /// A task's attempt failed.
    Failed {
        /// The task.
        ordinal: usize,
        /// The attempt.
        attempt: u32,
        /// Whether another attempt may succeed.
        retryable: bool,
    },
    /// The worker of a task's attempt fell silent.
    Lost {
        /// The task.
        ordinal: usize,
        /// The attempt.
        attempt: u32,
    },
    /// Somebody ended the run.
    Cancelled,
    /// The run's time is over.
    TimedOut,
    /// The run cannot begin.
    Refused,
}

/// What must be done about an event, besides keeping the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The task is ready: put it into the queue.
    Enqueue {
        /// The task.
        ordinal: usize,
    },
    /// The task has another attempt: give it back to the queue after a pause that grows with `failures`.
    Requeue {
        /// The task.
        ordinal: usize,
        /// How many attempts have failed; 0 after a loss, which asks for no pause.
        failures: u32,
    },
    /// The task has ended: take it out of the queue, if it is there.
    End {
        /// The task.
        ordinal: usize,
        /// How.
        status: TaskStatus,
    },
    /// The run has ended.
    Finish {
        /// How.
        status: RunStatus,
    },
}

/// How many silent workers one task survives.
pub const MAX_LOSSES: u32 = 5;

/// Applies an event.
pub fn apply(state: &mut RunState, event: Event) -> Vec<Command> {
    let mut commands = Vec::new();
    if state.status.is_final() {
        return commands;
    }
    match event {
        Event::Created => {}
        Event::Started { ordinal } => {
            let Some(task) = state.tasks.get_mut(ordinal) else { return commands };
            if task.enqueued && task.status == TaskStatus::Queued {
                task.status = TaskStatus::Running;
                task.attempt += 1;
            }
        }
        Event::Completed { ordinal, attempt, opened, broken } => {
            let Some(task) = current(state, ordinal, attempt) else { return commands };
            task.opened = opened;
            end(task, ordinal, TaskStatus::Completed, &mut commands);
            for follower in broken {
                let Some(task) = state.tasks.get_mut(follower) else { continue };
                if !task.status.is_final() && !task.enqueued {
                    end(task, follower, TaskStatus::Failed, &mut commands);
                }
            }
        }
        Event::Failed { ordinal, attempt, retryable } => {
            let Some(task) = running(state, ordinal, attempt) else { return commands };
            let failures = task.attempt - task.losses;
            if retryable && failures < task.max_attempts {
                task.status = TaskStatus::Queued;
                commands.push(Command::Requeue { ordinal, failures });
            } else {
                end(task, ordinal, TaskStatus::Failed, &mut commands);
            }
        }
        Event::Lost { ordinal, attempt } => {
            let Some(task) = running(state, ordinal, attempt) else { return commands };
            task.losses += 1;
            if task.losses <= MAX_LOSSES {
                task.status = TaskStatus::Queued;
                commands.push(Command::Requeue { ordinal, failures: 0 });
            } else {
                end(task, ordinal, TaskStatus::Failed, &mut commands);
            }
        }
        Event::Cancelled => return stop(state, RunStatus::Cancelled),
        Event::TimedOut | Event::Refused => return stop(state, RunStatus::Failed),
    }
    advance(state, &mut commands);
    commands
}

/// Ends a run whatever is under way in it.
fn stop(state: &mut RunState, status: RunStatus) -> Vec<Command> {
    let mut commands = Vec::new();
    for (ordinal, task) in state.tasks.iter_mut().enumerate() {
        if !task.status.is_final() {
            end(task, ordinal, TaskStatus::Cancelled, &mut commands);
        }
    }
    state.status = status;
    commands.push(Command::Finish { status });
    commands
}

/// The task, when a worker has it in this attempt.
fn running(state: &mut RunState, ordinal: usize, attempt: u32) -> Option<&mut TaskState> {
    current(state, ordinal, attempt).filter(|task| task.status == TaskStatus::Running)
}

/// The task, when `attempt` is its last one so far. A worker that was given up may still be the first with a result.
fn current(state: &mut RunState, ordinal: usize, attempt: u32) -> Option<&mut TaskState> {
    let task = state.tasks.get_mut(ordinal)?;
    (task.enqueued && !task.status.is_final() && task.attempt == attempt && attempt > 0).then_some(task)
}

fn end(task: &mut TaskState, ordinal: usize, status: TaskStatus, commands: &mut Vec<Command>) {
    task.status = status;
    task.enqueued = false;
    commands.push(Command::End { ordinal, status });
}

/// Readies, skips and finishes whatever the last change allows. One pass is enough: dependencies point backwards.
fn advance(state: &mut RunState, commands: &mut Vec<Command>) {
    for ordinal in 0..state.tasks.len() {
        let task = &state.tasks[ordinal];
        if task.status != TaskStatus::Queued || task.enqueued {
            continue;
        }
        match readiness(state, ordinal) {
            Readiness::Waiting => {}
            Readiness::Ready => {
                state.tasks[ordinal].enqueued = true;
                commands.push(Command::Enqueue { ordinal });
            }
            Readiness::Never => end(&mut state.tasks[ordinal], ordinal, TaskStatus::Skipped, commands),
        }
    }
    if state.tasks.iter().any(|task| matches!(task.status, TaskStatus::Running)) {
        state.status = RunStatus::Running;
    }
    if state.tasks.iter().all(|task| task.status.is_final()) {
        state.status = outcome(&state.tasks);
        commands.push(Command::Finish { status: state.status });
    }
}

enum Readiness {
    Waiting,
    Ready,
    Never,
}

fn readiness(state: &RunState, ordinal: usize) -> Readiness {
    let task = &state.tasks[ordinal];
    let (mut waiting, mut followed, mut closed) = (0, 0, 0);
    for edge in &task.upstream {
        if !state.tasks[edge.from].status.is_final() {
            waiting += 1;
        } else if state.is_followed(*edge, ordinal) {
            followed += 1;
        } else {
            closed += 1;
        }
    }
    match (task.any_input, waiting, followed, closed) {
        (false, _, _, 1..) => Readiness::Never,
        (_, 1.., _, _) => Readiness::Waiting,
        (true, 0, 0, 1..) => Readiness::Never,
        _ => Readiness::Ready,
    }
}

/// A failure counts unless an error edge led from it to a task that completed.
fn outcome(tasks: &[TaskState]) -> RunStatus {
    let handled = |failed: usize| {
        tasks.iter().any(|task| {
            task.status == TaskStatus::Completed
                && task.upstream.iter().any(|edge| edge.from == failed && edge.kind == EdgeKind::Error)
        })
    };
    let unhandled =
        tasks.iter().enumerate().any(|(ordinal, task)| task.status == TaskStatus::Failed && !handled(ordinal));
    if unhandled { RunStatus::Failed } else { RunStatus::Succeeded }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
