//! The core against random graphs and random orders of events.

use proptest::prelude::*;

use super::*;

fn task(upstream: Vec<Edge>, max_attempts: u32) -> TaskState {
    TaskState { status: TaskStatus::Queued, enqueued: false, attempt: 0, losses: 0, max_attempts, upstream }
}

fn data(from: usize) -> Edge {
    Edge { from, kind: EdgeKind::DataFlow }
}

fn run(tasks: Vec<TaskState>) -> RunState {
    RunState { status: RunStatus::Pending, tasks }
}

/// What the doors do when a worker takes a task.
fn lease(state: &mut RunState, ordinal: usize) -> u32 {
    let task = &mut state.tasks[ordinal];
    assert!(task.enqueued && task.status == TaskStatus::Queued);
    task.status = TaskStatus::Running;
    task.attempt += 1;
    task.attempt
}

#[test]
fn a_chain_goes_step_by_step() {
    let mut state = run(vec![task(vec![], 1), task(vec![data(0)], 1)]);
    assert_eq!(apply(&mut state, Event::Created), [Command::Enqueue { ordinal: 0 }]);
    let attempt = lease(&mut state, 0);
    assert_eq!(
        apply(&mut state, Event::Completed { ordinal: 0, attempt }),
        [Command::End { ordinal: 0, status: TaskStatus::Completed }, Command::Enqueue { ordinal: 1 }]
    );
    let attempt = lease(&mut state, 1);
    let last = apply(&mut state, Event::Completed { ordinal: 1, attempt });
    assert_eq!(last[1], Command::Finish { status: RunStatus::Succeeded });
}

#[test]
fn a_superseded_attempt_changes_nothing() {
    let mut state = run(vec![task(vec![], 3)]);
    apply(&mut state, Event::Created);
    let first = lease(&mut state, 0);
    assert_eq!(
        apply(&mut state, Event::Lost { ordinal: 0, attempt: first }),
        [Command::Requeue { ordinal: 0, failures: 0 }]
    );
    let before = {
        lease(&mut state, 0);
        state.clone()
    };
    assert_eq!(apply(&mut state, Event::Completed { ordinal: 0, attempt: first }), []);
    assert_eq!(state, before);
}

#[test]
fn a_failure_is_retried_until_the_last_attempt() {
    let mut state = run(vec![task(vec![], 2)]);
    apply(&mut state, Event::Created);
    let attempt = lease(&mut state, 0);
    let again = apply(&mut state, Event::Failed { ordinal: 0, attempt, retryable: true });
    assert_eq!(again, [Command::Requeue { ordinal: 0, failures: 1 }]);
    let attempt = lease(&mut state, 0);
    let last = apply(&mut state, Event::Failed { ordinal: 0, attempt, retryable: true });
    assert_eq!(last[1], Command::Finish { status: RunStatus::Failed });
}

#[test]
fn losses_do_not_use_up_attempts_and_are_not_endless() {
    let mut state = run(vec![task(vec![], 1)]);
    apply(&mut state, Event::Created);
    for _ in 0..MAX_LOSSES {
        let attempt = lease(&mut state, 0);
        assert_eq!(
            apply(&mut state, Event::Lost { ordinal: 0, attempt }),
            [Command::Requeue { ordinal: 0, failures: 0 }]
        );
    }
    let attempt = lease(&mut state, 0);
    apply(&mut state, Event::Lost { ordinal: 0, attempt });
    assert_eq!(state.status, RunStatus::Failed);
}

#[test]
fn an_error_edge_takes_a_failure_up() {
    let error = Edge { from: 0, kind: EdgeKind::Error };
    let mut state = run(vec![task(vec![], 1), task(vec![data(0)], 1), task(vec![error], 1)]);
    apply(&mut state, Event::Created);
    let attempt = lease(&mut state, 0);
    let commands = apply(&mut state, Event::Failed { ordinal: 0, attempt, retryable: false });
    assert!(commands.contains(&Command::End { ordinal: 1, status: TaskStatus::Skipped }));
    assert!(commands.contains(&Command::Enqueue { ordinal: 2 }));
    let attempt = lease(&mut state, 2);
    apply(&mut state, Event::Completed { ordinal: 2, attempt });
    assert_eq!(state.status, RunStatus::Succeeded);
}

#[test]
fn cancel_ends_everything_once() {
    let mut state = run(vec![task(vec![], 1), task(vec![data(0)], 1)]);
    apply(&mut state, Event::Created);
    lease(&mut state, 0);
    assert_eq!(apply(&mut state, Event::Cancelled).len(), 3);
    assert_eq!(apply(&mut state, Event::Cancelled), []);
    assert_eq!(state.status, RunStatus::Cancelled);
}

/// A graph: for each task the edges to earlier ones, and its number of attempts.
fn graphs() -> impl Strategy<Value = Vec<(Vec<(usize, bool)>, u32)>> {
    prop::collection::vec(
        (prop::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(0.2)), 0..4), 1u32..4),
        1..12,
    )
    .prop_map(|tasks| {
        let edge = |ordinal: usize, (index, error): (prop::sample::Index, bool)| (index.index(ordinal), error);
        tasks
            .into_iter()
            .enumerate()
            .map(|(ordinal, (edges, attempts))| {
                let edges = if ordinal == 0 { vec![] } else { edges.into_iter().map(|e| edge(ordinal, e)).collect() };
                (edges, attempts)
            })
            .collect()
    })
}

proptest! {
    /// Whatever happens in whatever order: no task starts before its inputs exist, none ends twice, every task ends,
    /// and the run ends exactly once.
    #[test]
    fn every_run_ends_with_every_task_ended_once(graph in graphs(), choices in prop::collection::vec((any::<u16>(), 0u8..8), 400)) {
        let tasks = graph.into_iter().map(|(edges, attempts)| {
            let upstream = edges.into_iter().map(|(from, error)| Edge { from, kind: if error { EdgeKind::Error } else { EdgeKind::DataFlow } });
            task(upstream.collect(), attempts)
        });
        let mut state = run(tasks.collect());
        let mut ended = vec![0; state.tasks.len()];
        let mut finished = 0;
        let mut handle = |state: &RunState, commands: Vec<Command>| {
            for command in commands {
                match command {
                    Command::Enqueue { ordinal } => for edge in &state.tasks[ordinal].upstream {
                        let wanted = if edge.kind == EdgeKind::Error { TaskStatus::Failed } else { TaskStatus::Completed };
                        assert_eq!(state.tasks[edge.from].status, wanted);
                    },
                    Command::Requeue { .. } => {}
                    Command::End { ordinal, .. } => ended[ordinal] += 1,
                    Command::Finish { .. } => finished += 1,
                }
            }
        };
        let commands = apply(&mut state, Event::Created);
        handle(&state, commands);
        for (pick, what) in choices {
            let live: Vec<usize> = (0..state.tasks.len()).filter(|&o| state.tasks[o].enqueued).collect();
            let Some(&ordinal) = live.get(pick as usize % live.len().max(1)) else { break };
            if state.tasks[ordinal].status == TaskStatus::Queued {
                lease(&mut state, ordinal);
                continue;
            }
            let attempt = state.tasks[ordinal].attempt;
            let event = match what {
                0 => Event::Failed { ordinal, attempt, retryable: true },
                1 => Event::Failed { ordinal, attempt, retryable: false },
                2 => Event::Lost { ordinal, attempt },
                3 => Event::Completed { ordinal, attempt: attempt.wrapping_sub(1) },
                _ => Event::Completed { ordinal, attempt },
            };
            let commands = apply(&mut state, event);
            handle(&state, commands);
        }
        let all_ended = state.tasks.iter().all(|task| task.status.is_final());
        prop_assert_eq!(state.status.is_final(), all_ended);
        prop_assert_eq!(finished, usize::from(all_ended));
        for (task, ended) in state.tasks.iter().zip(ended) {
            prop_assert_eq!(ended, usize::from(task.status.is_final()));
        }
    }
}
