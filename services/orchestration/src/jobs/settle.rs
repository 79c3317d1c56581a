//! Carries out what the core decides: results in, tasks and runs forward, all in the caller's transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId, WorkerId};

use crate::domain::engine::Event;
use crate::jobs::desk::Desk;
use crate::jobs::input::Ending;
use crate::jobs::lineage;
use crate::jobs::memory::Memory;
use crate::jobs::notices::Notice;
use crate::jobs::tree;
use crate::store::live::{self, LiveRun};
use crate::store::queue::TaskKey;
use crate::store::tree::{Family, Return};

/// An attempt that ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Who told; none when nobody did.
    pub worker: Option<WorkerId>,
    /// The attempt.
    pub key: TaskKey,
    /// How.
    pub ending: Ending,
}

/// What has happened to runs.
#[derive(Debug, Default)]
pub struct Happened {
    /// Attempts that ended.
    pub ended: Vec<Ended>,
    /// Tasks of whose children some ended.
    pub returned: Vec<Return>,
    /// Runs whose time is over.
    pub overdue: Vec<(TenantId, RunId)>,
    /// Runs whose parents have ended.
    pub orphans: Vec<(TenantId, RunId)>,
}

impl Happened {
    /// The runs that it is about, in id order.
    fn runs(&self) -> Vec<(TenantId, RunId)> {
        let ended = self.ended.iter().map(|ended| (ended.key.tenant_id, ended.key.run_id));
        let returned = self.returned.iter().map(|returned| (returned.tenant_id, returned.run_id));
        let whole = self.overdue.iter().chain(&self.orphans).copied();
        let all: BTreeSet<_> = ended.chain(returned).chain(whole).collect();
        all.into_iter().collect()
    }

    /// The runs to which more happened than the end of attempts.
    fn whole(&self) -> BTreeSet<RunId> {
        let returned = self.returned.iter().map(|returned| returned.run_id);
        returned.chain(self.overdue.iter().chain(&self.orphans).map(|(_, run)| *run)).collect()
    }
}

/// What changed, for those who listen.
#[derive(Debug, Default)]
pub struct Settled {
    /// Tasks with their new status.
    pub tasks: Vec<(TenantId, RunId, TaskId, &'static str)>,
    /// Runs that ended, with their status.
    pub runs: Vec<(TenantId, RunId, &'static str)>,
    /// Whether tasks became ready.
    pub ready: bool,
    /// Whether runs are to be started, or may be now.
    pub starts: bool,
    /// Whether parents are to hear of children that ended.
    pub returns: bool,
    /// Whether runs are to be cancelled because their parents ended.
    pub orphans: bool,
    /// Whether a run that shares a key ended.
    pub keyed: bool,
    /// Attempts that workers must stop.
    pub stopped: Vec<TaskKey>,
    /// Notifications that were left.
    pub notices: Vec<Notice>,
}

/// Records what happened. What comes twice or too late changes nothing.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn settle(tx: &mut PgConnection, happened: &Happened, memory: &mut Memory) -> Result<Settled> {
    let runs = load(tx, happened, memory).await?;
    if runs.is_empty() {
        return Ok(Settled::default());
    }
    let index: HashMap<RunId, usize> = runs.iter().enumerate().map(|(position, run)| (run.id, position)).collect();
    let mut desk = Desk::new(runs);
    desk.keeper = Some(memory.id);
    desk.parsed = std::mem::take(&mut memory.parsed);
    for one in &happened.ended {
        if let Some(&position) = index.get(&one.key.run_id) {
            desk.handle(position, one);
        }
    }
    let returned: BTreeMap<TaskId, &Return> = happened.returned.iter().map(|one| (one.task_id, one)).collect();
    for family in families(tx, &returned).await? {
        let run = returned.get(&family.task_id).and_then(|returned| index.get(&returned.run_id));
        if let Some(&position) = run {
            tree::hear(tx, &mut desk, position, &family).await?;
        }
    }
    let whole = [(&happened.overdue, Event::TimedOut), (&happened.orphans, Event::Cancelled)];
    for (runs, event) in whole {
        for position in runs.iter().filter_map(|(_, run)| index.get(run)) {
            desk.carry_out(*position, event.clone(), None);
        }
    }
    memory.parsed = std::mem::take(&mut desk.parsed);
    let settled = desk.write(tx).await?;
    memory.put_aside(desk.runs);
    lineage::note(tx, &happened.ended, &settled).await?;
    Ok(settled)
}

/// How the children of tasks stand of which some ended.
async fn families(tx: &mut PgConnection, returned: &BTreeMap<TaskId, &Return>) -> Result<Vec<Family>> {
    if returned.is_empty() {
        return Ok(Vec::new());
    }
    let tasks: Vec<_> = returned.values().map(|returned| (returned.tenant_id, returned.task_id)).collect();
    crate::store::tree::families(tx, &tasks).await
}

/// Locks the runs that something happened to. Where nothing but attempts ended, the memory's tasks will do.
async fn load(tx: &mut PgConnection, happened: &Happened, memory: &mut Memory) -> Result<Vec<LiveRun>> {
    memory.put_aside(Vec::new());
    let keys = happened.runs();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let whole = happened.whole();
    let (mut runs, mut is_known) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
    for locked in live::lock(tx, &keys).await? {
        let known = memory.take(locked.id());
        let known = known.filter(|_| locked.kept_by() == Some(memory.id) && !whole.contains(&locked.id()));
        is_known.push(known.is_some());
        runs.push(match known {
            Some(known) => locked.with_tasks_of(known)?,
            None => locked.empty()?,
        });
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (run, is_known) in runs.iter_mut().zip(is_known) {
        if is_known { known.push(run) } else { unknown.push(run) }
    }
    let ids: HashSet<RunId> = known.iter().map(|run| run.id).collect();
    let attempts: Vec<TaskKey> =
        happened.ended.iter().map(|ended| ended.key).filter(|key| ids.contains(&key.run_id)).collect();
    live::load_tasks(tx, &mut known, &attempts, &mut unknown).await?;
    Ok(runs)
}

/// Readies the first tasks of a run that is being written; gives it back as it then stands.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn settle_new(tx: &mut PgConnection, run: LiveRun) -> Result<(Settled, Option<LiveRun>)> {
    let keeper = run.kept_by;
    let mut desk = Desk::new(vec![run]);
    desk.keeper = keeper;
    desk.carry_out(0, Event::Created, None);
    let settled = desk.write(tx).await?;
    Ok((settled, desk.runs.pop()))
}

/// Applies one event that concerns a whole run, such as its cancellation.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn settle_run(tx: &mut PgConnection, run: LiveRun, event: Event) -> Result<Settled> {
    let mut desk = Desk::new(vec![run]);
    desk.carry_out(0, event, None);
    desk.write(tx).await
}

/// Ends a run that cannot begin.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn fail_run(tx: &mut PgConnection, run: LiveRun, code: &str, message: String) -> Result<Settled> {
    let mut desk = Desk::new(vec![run]);
    desk.carry_out(0, Event::Refused, None);
    desk.blame(0, code, message);
    desk.write(tx).await
}
