//! Who waits for runs to end, in this process. Whom nobody tells finds it by looking again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use trinity_ids::{RunId, TenantId};

/// How many calls may wait at once in one process.
const MOST: usize = 512;
/// How many of them may be of one tenant, so that the others find a place.
const MOST_OF_TENANT: usize = 64;

/// The calls that wait. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    waiting: Arc<Mutex<Vec<Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    tenant: TenantId,
    run: RunId,
    /// Dropped to tell.
    told: oneshot::Sender<()>,
}

/// Comes to its end when the run has come to its own.
pub type End = oneshot::Receiver<()>;

impl Ends {
    /// A place to wait for the end of a run; none while too many wait.
    pub fn wait_for(&self, tenant: TenantId, run: RunId) -> Option<End> {
        let mut waiting = self.waiting();
        waiting.retain(|one| !one.told.is_closed());
        let of_tenant = waiting.iter().filter(|one| one.tenant == tenant).count();
        if waiting.len() >= MOST || of_tenant >= MOST_OF_TENANT {
            return None;
        }
        let (told, end) = oneshot::channel();
        waiting.push(Waiting { tenant, run, told });
        Some(end)
    }

    /// Tells whoever waits for them that runs have ended.
    pub fn tell(&self, runs: impl Iterator<Item = RunId>) {
        let mut waiting = self.waiting();
        if !waiting.is_empty() {
            let ended: HashSet<RunId> = runs.collect();
            waiting.retain(|one| !ended.contains(&one.run));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_those_are_told_who_wait_for_the_run() {
        let ends = Ends::default();
        let (tenant, run, other) = (TenantId::new(), RunId::new(), RunId::new());
        let (mut first, mut second) = (ends.wait_for(tenant, run).unwrap(), ends.wait_for(tenant, other).unwrap());
        ends.tell(std::iter::once(run));
        assert_eq!(first.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    }

    #[tokio::test]
    async fn a_tenant_that_waits_too_often_leaves_room_for_others_and_gets_its_places_back() {
        let ends = Ends::default();
        let (greedy, other) = (TenantId::new(), TenantId::new());
        let mut places: Vec<End> = std::iter::from_fn(|| ends.wait_for(greedy, RunId::new())).collect();
        assert_eq!(places.len(), MOST_OF_TENANT);
        assert!(ends.wait_for(other, RunId::new()).is_some());
        places.pop();
        assert!(ends.wait_for(greedy, RunId::new()).is_some());
    }
}
