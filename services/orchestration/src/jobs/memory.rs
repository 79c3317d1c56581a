//! What an engine remembers from cycle to cycle: conditions that it has parsed, and the tasks of runs.
//!
//! A run's tasks are good as long as its row says that this engine keeps them: whoever else writes them takes that away.

use std::collections::HashMap;

use trinity_ids::RunId;
use uuid::Uuid;

use crate::jobs::conditions::Parsed;
use crate::store::live::LiveRun;

/// How many tasks are kept; some hundred bytes each.
const MAX_TASKS: usize = 50_000;

/// The memory of one engine.
pub struct Memory {
    /// The engine: another one after each start.
    pub id: Uuid,
    pub parsed: Parsed,
    runs: HashMap<RunId, LiveRun>,
    tasks: usize,
    /// As the transaction under way leaves them.
    written: Vec<LiveRun>,
}

impl Memory {
    /// The empty memory of an engine.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        Self { id, parsed: Parsed::new(), runs: HashMap::new(), tasks: 0, written: Vec::new() }
    }

    /// Takes a run out. It comes back when what becomes of it is committed.
    pub fn take(&mut self, run: RunId) -> Option<LiveRun> {
        let known = self.runs.remove(&run)?;
        self.tasks -= known.tasks.len();
        Some(known)
    }

    /// Puts aside what a transaction has written, in place of what the last one wrote.
    pub fn put_aside(&mut self, written: Vec<LiveRun>) {
        self.written = written;
    }

    /// Keeps what was put aside: it is committed.
    pub fn keep(&mut self) {
        for run in std::mem::take(&mut self.written) {
            self.remember(run);
        }
    }

    /// Keeps a run that says it is kept here, in place of what was known of it.
    pub fn remember(&mut self, run: LiveRun) {
        self.take(run.id);
        if run.kept_by != Some(self.id) {
            return;
        }
        if self.tasks + run.tasks.len() > MAX_TASKS {
            self.runs.clear();
            self.tasks = 0;
        }
        self.tasks += run.tasks.len();
        self.runs.insert(run.id, run);
    }
}
