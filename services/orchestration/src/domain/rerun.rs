//! What a new run takes over from an earlier one that did not succeed.

use crate::domain::engine::{RunState, TaskStatus};

/// Which tasks keep their results: those that completed, and before which nothing is done again. A task whose outputs
/// broke a condition is done again, because the condition would fail for ever otherwise.
///
/// `broken` are the tasks that failed because of a condition.
#[must_use]
pub fn kept(state: &RunState, broken: &[usize]) -> Vec<bool> {
    let mut unchanged: Vec<bool> = Vec::with_capacity(state.tasks.len());
    for (ordinal, task) in state.tasks.iter().enumerate() {
        let breaks = || {
            broken.iter().any(|follower| state.tasks[*follower].upstream.iter().any(|edge| edge.from == ordinal))
        };
        let ended_alike = match task.status {
            TaskStatus::Completed => !breaks(),
            TaskStatus::Skipped => true,
            _ => false,
        };
        unchanged.push(ended_alike && task.upstream.iter().all(|edge| unchanged[edge.from]));
    }
    let completed = |ordinal: usize| state.tasks[ordinal].status == TaskStatus::Completed;
    unchanged.into_iter().enumerate().map(|(ordinal, same)| same && completed(ordinal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::engine::{Edge, EdgeKind, RunStatus, TaskState};

    fn task(status: TaskStatus, upstream: &[usize]) -> TaskState {
        let edge = |from: &usize| Edge { from: *from, kind: EdgeKind::DataFlow };
        TaskState {
            status,
            enqueued: false,
            attempt: 1,
            losses: 0,
            max_attempts: 1,
            any_input: false,
            opened: Vec::new(),
            upstream: upstream.iter().map(edge).collect(),
        }
    }

    #[test]
    fn what_follows_a_failure_is_done_again_though_it_completed() {
        use TaskStatus::{Completed, Failed, Skipped};
        let tasks = vec![
            task(Completed, &[]),
            task(Failed, &[0]),
            task(Completed, &[1]),
            task(Skipped, &[0]),
            task(Completed, &[0, 3]),
        ];
        let state = RunState { status: RunStatus::Failed, tasks };
        assert_eq!(kept(&state, &[]), [true, false, false, false, true]);
        assert_eq!(kept(&state, &[1]), [false; 5], "the first broke the condition of the second");
    }
}
