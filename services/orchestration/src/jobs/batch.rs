//! What one transaction of the engine handles, and how it is taken apart when Postgres refuses it.

use std::collections::HashSet;

use trinity_ids::WorkerId;

use crate::jobs::input::Ending;
use crate::jobs::settle::Ended;
use crate::store::log::NewLine;
use crate::store::queue::TaskKey;

/// The code of a task whose result Postgres does not take.
const RESULT_REFUSED: &str = "RESULT_REFUSED";

/// What one transaction handles.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub heartbeats: Vec<(WorkerId, TaskKey)>,
    pub seen: HashSet<WorkerId>,
    pub logs: Vec<NewLine>,
    pub ended: Vec<Ended>,
    pub sweep: bool,
    pub returns: bool,
    pub orphans: bool,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.heartbeats.len() + self.logs.len() + self.ended.len()
    }

    /// Two parts of a batch of more than one input, each smaller than the whole.
    pub fn halves(mut self) -> (Self, Self) {
        let mut second = Self::default();
        match [self.heartbeats.len(), self.logs.len(), self.ended.len()] {
            [0, 0, ended] => second.ended = self.ended.split_off(ended / 2),
            [0, logs, 0] => second.logs = self.logs.split_off(logs / 2),
            [beats, 0, 0] => second.heartbeats = self.heartbeats.split_off(beats / 2),
            [0, _, _] => second.ended = std::mem::take(&mut self.ended),
            _ => {
                second.logs = std::mem::take(&mut self.logs);
                second.ended = std::mem::take(&mut self.ended);
            }
        }
        (self, second)
    }

    /// What is tried instead of the one input that Postgres refused: a result becomes a failure that says so, a line of
    /// a log is dropped.
    pub fn in_place_of_refused(self) -> Option<Self> {
        let refused = self.ended.into_iter().next()?;
        if matches!(&refused.ending, Ending::Failed { code, .. } if code == RESULT_REFUSED) {
            return None;
        }
        let message = "the database refused the task's result".to_owned();
        let ending = Ending::Failed { code: RESULT_REFUSED.to_owned(), message, retryable: false };
        Some(Self { ended: vec![Ended { ending, ..refused }], ..Self::default() })
    }
}
