//! The core against random graphs and random orders of events.

use proptest::prelude::*;

use super::*;

fn task(upstream: Vec<Edge>, max_attempts: u32) -> TaskState {
    TaskState {
        status: TaskStatus::Queued,
        enqueued: false,
        attempt: 0,
        losses: 0,
        max_attempts,
        any_input: false,
        opened: Vec::new(),
        upstream,
    }
}

fn data(from: usize) -> Edge {
    Edge { from, kind: EdgeKind::DataFlow }
}

fn completed(ordinal: usize, attempt: u32) -> Event {
    Event::Completed { ordinal, attempt, opened: Vec::new(), broken: Vec::new() }
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
        apply(&mut state, completed(0, attempt)),
        [Command::End { ordinal: 0, status: TaskStatus::Completed }, Command::Enqueue { ordinal: 1 }]
    );
    let attempt = lease(&mut state, 1);
    let last = apply(&mut state, completed(1, attempt));
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
    assert_eq!(apply(&mut state, completed(0, first)), []);
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
    apply(&mut state, completed(2, attempt));
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

#[test]
fn a_condition_that_does_not_hold_skips_what_follows_it_alone() {
    let when = Edge { from: 0, kind: EdgeKind::Conditional };
    let mut state = run(vec![task(vec![], 1), task(vec![when], 1), task(vec![when], 1), task(vec![data(1)], 1)]);
    apply(&mut state, Event::Created);
    let attempt = lease(&mut state, 0);
    let commands = apply(&mut state, Event::Completed { ordinal: 0, attempt, opened: vec![2], broken: vec![] });
    assert_eq!(
        commands[1..],
        [
            Command::End { ordinal: 1, status: TaskStatus::Skipped },
            Command::Enqueue { ordinal: 2 },
            Command::End { ordinal: 3, status: TaskStatus::Skipped },
        ]
    );
    let attempt = lease(&mut state, 2);
    apply(&mut state, completed(2, attempt));
    assert_eq!(state.status, RunStatus::Succeeded);
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_its_follower() {
    let when = Edge { from: 0, kind: EdgeKind::Conditional };
    let mut state = run(vec![task(vec![], 1), task(vec![when], 1)]);
    apply(&mut state, Event::Created);
    let attempt = lease(&mut state, 0);
    let commands = apply(&mut state, Event::Completed { ordinal: 0, attempt, opened: vec![], broken: vec![1] });
    assert!(commands.contains(&Command::End { ordinal: 1, status: TaskStatus::Failed }));
    assert_eq!(state.status, RunStatus::Failed);
}

#[test]
fn one_followed_edge_is_enough_for_a_task_that_takes_any_once_all_ended() {
    let mut state = run(vec![
        task(vec![], 1),
        task(vec![], 1),
        TaskState { any_input: true, ..task(vec![data(0), data(1)], 1) },
    ]);
    apply(&mut state, Event::Created);
    let (first, second) = (lease(&mut state, 0), lease(&mut state, 1));
    let commands = apply(&mut state, completed(0, first));
    assert!(!commands.contains(&Command::Enqueue { ordinal: 2 }), "the other may still come");
    let commands = apply(&mut state, Event::Failed { ordinal: 1, attempt: second, retryable: false });
    assert!(commands.contains(&Command::Enqueue { ordinal: 2 }));
}

#[test]
fn a_run_whose_time_is_over_fails_and_stops_what_runs() {
    let mut state = run(vec![task(vec![], 1), task(vec![data(0)], 1)]);
    apply(&mut state, Event::Created);
    lease(&mut state, 0);
    let commands = apply(&mut state, Event::TimedOut);
    assert_eq!(commands[0], Command::End { ordinal: 0, status: TaskStatus::Cancelled });
    assert_eq!(state.status, RunStatus::Failed);
}

/// A task of a random graph: edges to earlier ones, its number of attempts, and whether any edge is enough.
#[derive(Debug, Clone)]
struct Node {
    edges: Vec<Edge>,
    attempts: u32,
    any_input: bool,
    /// Carried out by the engine itself.
    native: bool,
}

fn graphs() -> impl Strategy<Value = Vec<Node>> {
    let edge = (any::<prop::sample::Index>(), 0u8..5);
    let node =
        (prop::collection::vec(edge, 0..4), 1u32..4, prop::bool::weighted(0.3), prop::bool::weighted(0.1));
    prop::collection::vec(node, 1..12).prop_map(|nodes| {
        let edge = |ordinal: usize, (index, kind): (prop::sample::Index, u8)| Edge {
            from: index.index(ordinal),
            kind: match kind {
                0 => EdgeKind::Error,
                1 | 2 => EdgeKind::Conditional,
                _ => EdgeKind::DataFlow,
            },
        };
        nodes
            .into_iter()
            .enumerate()
            .map(|(ordinal, (edges, attempts, any_input, native))| Node {
                edges: if ordinal == 0 { vec![] } else { edges.into_iter().map(|e| edge(ordinal, e)).collect() },
                attempts,
                any_input,
                native,
            })
            .collect()
    })
}

fn run_of(graph: &[Node]) -> RunState {
    run(graph
        .iter()
        .map(|node| TaskState { any_input: node.any_input, ..task(node.edges.clone(), node.attempts) })
        .collect())
}

/// The doors around the core, as the properties see them: what is on its way, and what has ended how often.
struct Doors {
    state: RunState,
    slots: std::collections::BTreeSet<usize>,
    ended: Vec<u32>,
    finished: u32,
}

impl Doors {
    fn new(state: RunState) -> Self {
        let ended = state.tasks.iter().map(|task| u32::from(task.status.is_final())).collect();
        Self { state, slots: std::collections::BTreeSet::new(), ended, finished: 0 }
    }

    /// Applies an event and holds the core to its promises.
    fn apply(&mut self, event: Event) {
        for command in apply(&mut self.state, event) {
            match command {
                Command::Enqueue { ordinal } => {
                    let task = &self.state.tasks[ordinal];
                    let ended = |edge: &Edge| self.state.tasks[edge.from].status.is_final();
                    let followed = |edge: &Edge| self.state.is_followed(*edge, ordinal);
                    if task.any_input {
                        assert!(task.upstream.iter().all(ended), "{ordinal} came before all ended");
                        assert!(task.upstream.is_empty() || task.upstream.iter().any(followed));
                    } else {
                        assert!(task.upstream.iter().all(followed), "{ordinal} came before its inputs");
                    }
                    assert!(self.slots.insert(ordinal), "{ordinal} was readied twice");
                }
                Command::Requeue { ordinal, .. } => assert!(self.slots.contains(&ordinal)),
                Command::End { ordinal, .. } => {
                    self.slots.remove(&ordinal);
                    self.ended[ordinal] += 1;
                }
                Command::Finish { .. } => self.finished += 1,
            }
        }
    }

    /// The ends of a run: every task ended once, nothing is on its way, and the counts add up.
    fn check_end(&self) {
        let all_ended = self.state.tasks.iter().all(|task| task.status.is_final());
        assert_eq!(self.state.status.is_final(), all_ended);
        assert_eq!(self.finished, u32::from(all_ended));
        for (task, ended) in self.state.tasks.iter().zip(&self.ended) {
            assert_eq!(*ended, u32::from(task.status.is_final()));
        }
        let enqueued = self.state.tasks.iter().filter(|task| task.enqueued).count();
        assert_eq!(enqueued, self.slots.len());
        assert!(!all_ended || self.slots.is_empty(), "a slot leaked");
        assert!(all_ended || !self.slots.is_empty(), "nothing moves any more");
    }

    fn followers(&self, ordinal: usize, mask: u16) -> Vec<usize> {
        let conditional = |task: &TaskState| {
            task.upstream.iter().any(|edge| edge.from == ordinal && edge.kind == EdgeKind::Conditional)
        };
        let all = self.state.tasks.iter().enumerate().filter(|(_, task)| conditional(task));
        all.map(|(follower, _)| follower).filter(|follower| mask >> (follower % 16) & 1 == 1).collect()
    }

    /// What may happen next to a task that is on its way.
    fn event(&mut self, ordinal: usize, native: bool, what: u8, mask: u16) -> Option<Event> {
        if self.state.tasks[ordinal].status == TaskStatus::Queued {
            if native {
                return Some(Event::Started { ordinal });
            }
            lease(&mut self.state, ordinal);
            return None;
        }
        let attempt = self.state.tasks[ordinal].attempt;
        let (opened, broken) = (self.followers(ordinal, mask), self.followers(ordinal, mask & (mask >> 8) & 0x55));
        let opened = opened.into_iter().filter(|follower| !broken.contains(follower)).collect();
        Some(match what {
            0 => Event::Failed { ordinal, attempt, retryable: true },
            1 => Event::Failed { ordinal, attempt, retryable: false },
            2 => Event::Lost { ordinal, attempt },
            _ => Event::Completed { ordinal, attempt, opened, broken },
        })
    }
}

proptest! {
    /// Whatever happens in whatever order, and however often the same is told: no task starts before its inputs exist,
    /// none ends twice, every task ends, the run ends exactly once, and no slot stays taken. What is gone on with
    /// afterwards keeps its promises as well.
    #[test]
    fn every_run_ends_with_every_task_ended_once(
        graph in graphs(),
        choices in prop::collection::vec((any::<u16>(), 0u8..9, any::<u16>()), 300),
        stop in (0usize..600, any::<bool>()),
    ) {
        let mut doors = Doors::new(run_of(&graph));
        doors.apply(Event::Created);
        let mut told: Vec<Event> = Vec::new();
        for (step, (pick, what, mask)) in choices.into_iter().enumerate() {
            if step == stop.0 {
                doors.apply(if stop.1 { Event::Cancelled } else { Event::TimedOut });
            }
            if what == 8 && !told.is_empty() {
                // What was told before changes nothing when it is told again.
                let before = doors.state.clone();
                doors.apply(told[usize::from(mask) % told.len()].clone());
                prop_assert_eq!(&doors.state, &before);
                continue;
            }
            let live: Vec<usize> = doors.slots.iter().copied().collect();
            let Some(&ordinal) = live.get(usize::from(pick) % live.len().max(1)) else { break };
            if let Some(event) = doors.event(ordinal, graph[ordinal].native, what, mask) {
                doors.apply(event.clone());
                if !matches!(event, Event::Started { .. }) {
                    told.push(event);
                }
            }
        }
        doors.check_end();
        if doors.state.status.is_final() && doors.state.status != RunStatus::Succeeded {
            go_on_from(&graph, &doors.state);
        }
    }
}

/// Goes on from the failed tasks of a run in a new one in which all goes well.
fn go_on_from(graph: &[Node], earlier: &RunState) {
    let kept = crate::domain::rerun::kept(earlier, &[]);
    let mut state = run_of(graph);
    for (ordinal, keep) in kept.iter().enumerate() {
        if *keep {
            state.tasks[ordinal] = TaskState { enqueued: false, ..earlier.tasks[ordinal].clone() };
        }
    }
    let mut doors = Doors::new(state);
    doors.apply(Event::Created);
    while let Some(&ordinal) = doors.slots.iter().next() {
        assert!(!kept[ordinal], "{ordinal} was kept and runs again");
        if let Some(event) = doors.event(ordinal, graph[ordinal].native, 7, 0x00ff) {
            doors.apply(event);
        }
    }
    doors.check_end();
}
