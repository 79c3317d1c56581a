//! How rooms of this process wake each other. What a bell would have told, a sweep finds as well.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::jobs::announce::Announcer;
use crate::jobs::ends::Ends;
use crate::jobs::input::{EngineDoor, Input};
use crate::jobs::settle::Settled;

/// Rung after a commit. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bells {
    /// There are runs to be started.
    pub starter: Arc<Notify>,
    /// A run with a key ended.
    pub keys: Arc<Notify>,
    /// Runs ended that callers wait for.
    pub ends: Ends,
}

impl Bells {
    /// Wakes whoever has something to do after a transaction of the engine.
    pub fn ring(&self, settled: &Settled) {
        if settled.starts {
            self.starter.notify_one();
        }
        if settled.keyed {
            self.keys.notify_one();
        }
        self.ends.tell(settled.runs.iter().map(|(_, run, _)| *run));
    }
}

/// The ways by which everybody is told what was committed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Teller {
    pub engine: EngineDoor,
    pub announcer: Announcer,
    pub bells: Bells,
}

impl Teller {
    /// Tells that held tasks and starts may go on.
    pub fn resume(&self) {
        self.engine.wake();
        self.announcer.ready();
        self.bells.starter.notify_one();
    }

    /// Tells what a transaction outside the engine changed.
    pub async fn tell(&self, settled: Settled) {
        self.announcer.announce(&settled, &[]);
        self.announcer.stop(&settled.stopped);
        self.bells.ring(&settled);
        if settled.returns || settled.orphans {
            self.engine.send(Input::Tree { returns: settled.returns, orphans: settled.orphans }).await;
        } else if settled.ready {
            self.engine.wake();
        }
        if !settled.stopped.is_empty() {
            self.engine.send(Input::Stop(settled.stopped)).await;
        }
    }
}
