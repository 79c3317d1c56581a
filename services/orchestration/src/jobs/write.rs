//! Writes what lies on the engine's desk, and what follows from the ends of runs.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::{RunId, TaskId, TenantId};

use crate::domain::engine::RunStatus;
use crate::events;
use crate::jobs::desk::{Changes, Desk};
use crate::jobs::notices::{self, Notice};
use crate::jobs::settle::Settled;
use crate::store::change::{self, RunChange, RunError, TaskChange};
use crate::store::live::LiveRun;
use crate::store::tree::Return;
use crate::store::{queue, start, status, tree};

/// Runs with fewer tasks are as quickly loaded as looked after, unless an engine has had them from the start.
const KEPT_FROM: usize = 32;

impl Desk {
    /// Writes everything, queue rows before task rows, and announces what ended.
    ///
    /// # Errors
    /// `Unavailable` when Postgres is away.
    pub async fn write(&mut self, tx: &mut PgConnection) -> Result<Settled> {
        self.note_keeper();
        let Self { runs, changes, .. } = self;
        let changes = std::mem::take(changes);
        queue::insert(tx, &changes.ready).await?;
        let tasks: Vec<TaskChange> = changes.tasks.values().cloned().collect();
        change::write_tasks(tx, &tasks).await?;
        let run_changes: Vec<RunChange> =
            changes.touched.iter().map(|position| run_change(&runs[*position], changes.errors.get(position))).collect();
        change::write_runs(tx, &run_changes).await?;
        start::insert(tx, &changes.starts).await?;
        let finished: Vec<(&LiveRun, RunStatus)> =
            changes.finished.iter().map(|(position, status)| (&runs[*position], *status)).collect();
        let notices = finish(tx, &finished).await?;
        Ok(Settled {
            tasks: told(runs, &changes, &tasks),
            runs: finished.iter().map(|(run, status)| (run.tenant, run.id, status::run_text(*status))).collect(),
            ready: !changes.ready.is_empty() || tasks.iter().any(|change| change.pause.is_some()),
            starts: changes.opened || !changes.starts.is_empty() || finished.iter().any(|(run, _)| run.scheduled),
            returns: finished.iter().any(|(run, _)| run.parent.is_some()),
            orphans: finished.iter().any(|(run, status)| *status != RunStatus::Succeeded && run.has_children()),
            keyed: finished.iter().any(|(run, _)| run.keyed),
            stopped: changes.stopped,
            notices,
        })
    }

    /// Notes who has the runs' tasks in memory from now on: this engine, or nobody.
    fn note_keeper(&mut self) {
        for (position, run) in self.runs.iter_mut().enumerate() {
            let worth_it = run.tasks.len() >= KEPT_FROM || run.kept_by == self.keeper;
            let keeper = self.keeper.filter(|_| worth_it && !run.state.status.is_final());
            if run.kept_by != keeper {
                run.kept_by = keeper;
                self.changes.touched.insert(position);
            }
        }
    }
}

/// The new status of each task that has one.
fn told(runs: &[LiveRun], changes: &Changes, written: &[TaskChange]) -> Vec<(TenantId, RunId, TaskId, &'static str)> {
    let by_id: HashMap<RunId, &LiveRun> = runs.iter().map(|run| (run.id, run)).collect();
    let ready = changes.ready.iter().map(|task| (task.tenant, task.run, task.task, "queued"));
    let written = written.iter().zip(changes.tasks.keys()).filter_map(|(change, (run, ordinal))| {
        Some((change.tenant, *run, by_id.get(run)?.tasks.get(*ordinal)?.id, change.status))
    });
    ready.chain(written).collect()
}

/// What follows from the ends of runs, in the transaction that ends them.
async fn finish(tx: &mut PgConnection, finished: &[(&LiveRun, RunStatus)]) -> Result<Vec<Notice>> {
    if finished.is_empty() {
        return Ok(Vec::new());
    }
    let events = finished.iter().map(|(run, status)| events::finished(run, *status)).collect();
    trinity_outbox::write_all(tx, &RequestContext::service("orchestration"), events).await?;
    let returns: Vec<(RunId, Return)> = finished
        .iter()
        .filter_map(|(run, _)| {
            let parent = run.parent?;
            Some((run.id, Return { tenant_id: run.tenant, run_id: parent.run, task_id: parent.task }))
        })
        .collect();
    if !returns.is_empty() {
        tree::insert_returns(tx, &returns).await?;
    }
    let parents: Vec<_> =
        finished.iter().filter(|(run, _)| run.has_children()).map(|(run, _)| (run.tenant, run.id)).collect();
    if !parents.is_empty() {
        start::remove_children(tx, &parents).await?;
    }
    let told: Vec<_> = finished
        .iter()
        .filter(|(run, status)| run.notified || (*status == RunStatus::Failed && run.parent.is_none()))
        .map(|(run, _)| (run.tenant, run.id))
        .collect();
    notices::leave(tx, &told).await
}

fn run_change(run: &LiveRun, error: Option<&RunError>) -> RunChange {
    let ended = run.state.status.is_final();
    RunChange {
        tenant: run.tenant,
        run: run.id,
        status: status::run_text(run.state.status),
        rows_processed: run.rows_processed,
        result: ended.then(|| counts(run)),
        error: error.cloned(),
        ended,
        kept_by: run.kept_by,
    }
}

/// How many tasks ended how, as JSON.
fn counts(run: &LiveRun) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &run.state.tasks {
        *counts.entry(status::task_text(task.status)).or_default() += 1;
    }
    serde_json::json!({ "tasks": counts }).to_string()
}
