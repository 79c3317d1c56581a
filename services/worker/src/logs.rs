//! What running tasks say, on its way to orchestration: in batches, and never more than fits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::mpsc;
use trinity_atoms::{LogLine, LogSink};
use trinity_proto::orchestration as pb;

use crate::{
    convert::{self, TaskKey},
    metrics,
};

/// Lines that wait at the most; beyond it the newest are dropped.
const WAITING: usize = 10_000;
/// Lines and bytes of one message; gRPC takes 4 MiB at the most.
const LINES_PER_MESSAGE: usize = 500;
const BYTES_PER_MESSAGE: usize = 1 << 20;

/// Where lines wait.
pub(crate) struct Logs {
    sender: mpsc::Sender<(TaskKey, LogLine)>,
    receiver: mpsc::Receiver<(TaskKey, LogLine)>,
    dropped: Arc<AtomicU64>,
}

impl Logs {
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { sender, receiver, dropped: Arc::default() }
    }

    /// Where a task's lines go; it never waits.
    pub fn sink(&self, key: &TaskKey) -> LogSink {
        let (sender, dropped, key) = (self.sender.clone(), self.dropped.clone(), key.clone());
        Arc::new(move |line| {
            if sender.try_send((key.clone(), line)).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// Everything that waits, a message or more for each task, in the order in which it was said.
    pub fn take(&mut self) -> Vec<pb::TaskLog> {
        let mut messages: Vec<(TaskKey, usize, pb::TaskLog)> = Vec::new();
        while let Ok((key, line)) = self.receiver.try_recv() {
            let length = line.message.len();
            let has_room = |bytes: usize, log: &pb::TaskLog| {
                log.lines.len() < LINES_PER_MESSAGE && bytes + length < BYTES_PER_MESSAGE
            };
            match messages.iter_mut().rev().find(|(task, _, _)| *task == key) {
                Some((_, bytes, log)) if has_room(*bytes, log) => {
                    *bytes += length;
                    log.lines.push(convert::line(line));
                }
                _ => {
                    let log = pb::TaskLog { task: Some((&key).into()), lines: vec![convert::line(line)] };
                    messages.push((key, length, log));
                }
            }
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            metrics::lines_dropped(dropped);
            tracing::warn!(dropped, "log lines of tasks were dropped");
        }
        messages.into_iter().map(|(_, _, log)| log).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(task: &str) -> TaskKey {
        TaskKey::from(&pb::TaskRef { task_id: task.into(), attempt: 1, ..pb::TaskRef::default() })
    }

    #[test]
    fn lines_are_grouped_by_task_in_order() {
        let mut logs = Logs::new();
        let (one, two) = (logs.sink(&key("one")), logs.sink(&key("two")));
        for at in 0..600 {
            one(LogLine::now("info", at.to_string()));
            two(LogLine::now("warn", "x"));
        }
        let taken = logs.take();
        assert_eq!(taken.iter().map(|log| log.lines.len()).collect::<Vec<_>>(), [500, 500, 100, 100]);
        let said = taken.iter().filter(|log| log.task.as_ref().unwrap().task_id == "one").flat_map(|log| &log.lines);
        assert!(said.enumerate().all(|(at, line)| line.message == at.to_string()));
        assert!(logs.take().is_empty());
    }

    #[test]
    fn long_lines_make_more_messages() {
        let mut logs = Logs::new();
        let sink = logs.sink(&key("one"));
        (0..400).for_each(|_| sink(LogLine::now("info", "ä".repeat(4_000))));
        let taken = logs.take();
        let bytes = |log: &pb::TaskLog| log.lines.iter().map(|line| line.message.len()).sum::<usize>();
        assert!(taken.len() == 4 && taken.iter().all(|log| bytes(log) <= BYTES_PER_MESSAGE), "{}", taken.len());
    }

    #[test]
    fn more_lines_than_fit_are_dropped_without_waiting() {
        let mut logs = Logs::new();
        let sink = logs.sink(&key("one"));
        (0..WAITING + 10).for_each(|_| sink(LogLine::now("info", "x")));
        assert_eq!(logs.take().iter().map(|log| log.lines.len()).sum::<usize>(), WAITING);
    }
}
