//! A plan's tasks as rows, and as the core sees them before anything happened.

use std::collections::HashMap;

use trinity_error::{Error, Result};
use trinity_ids::TaskId;
use trinity_proto::workflow::{EdgeType, PlanEdge, PlanTask};

use crate::domain::backoff::Backoff;
use crate::domain::engine::{Edge, EdgeKind, RunState, RunStatus, TaskState, TaskStatus};
use crate::domain::file::File;
use crate::domain::native::is_native;
use crate::store::live::{LiveRun, LiveTask};
use crate::store::new_run::{NewRun, NewTask};
use crate::store::status;

const DEFAULT_ATTEMPTS: u32 = 3;
const DEFAULT_TIMEOUT_MS: u64 = 3_600_000;
const DEFAULT_LABEL: &str = "default";
const DEFAULT_TYPE: &str = "atom_execution";
/// Nobody goes further ahead or back than this.
const PRIORITIES: std::ops::RangeInclusive<i64> = -1_000_000..=1_000_000;

/// A task's row; `priority` is that of its run.
pub(super) fn new_task(task: &PlanTask, files: &HashMap<String, File>, priority: i32) -> Result<NewTask> {
    let datasets: Vec<&File> = task.dataset_ids.iter().filter_map(|id| files.get(id)).collect();
    let kinds: Vec<EdgeKind> = task.inputs.iter().map(edge_kind).collect();
    let timeout_ms = match task.timeout_ms {
        0 if is_native(&task.atom) => 0,
        0 => DEFAULT_TIMEOUT_MS,
        limit => limit,
    };
    let backoff = Backoff::of(task.backoff_ms, task.max_backoff_ms);
    Ok(NewTask {
        id: TaskId::new(),
        place: task.place.clone(),
        molecule: task.molecule.clone(),
        atom: task.atom.clone(),
        atom_version: task.atom_version.clone(),
        config: task.config.as_ref().map_or_else(|| "{}".to_owned(), |config| config.text.clone()),
        upstream: task.inputs.iter().map(|edge| i32::try_from(edge.from).unwrap_or(i32::MAX)).collect(),
        edge_types: kinds.iter().map(|kind| status::edge_text(*kind)).collect(),
        edge_conditions: if kinds.contains(&EdgeKind::Conditional) {
            task.inputs.iter().map(|edge| edge.when.clone()).collect()
        } else {
            Vec::new()
        },
        passthrough: task.passthrough,
        any_input: task.any_input,
        datasets: serde_json::to_string(&datasets).map_err(Error::internal)?,
        max_attempts: i32::try_from(or_default(task.max_attempts, DEFAULT_ATTEMPTS)).unwrap_or(i32::MAX),
        timeout_ms: i64::try_from(timeout_ms).unwrap_or(i64::MAX),
        backoff_ms: millis(backoff.first),
        max_backoff_ms: millis(backoff.longest),
        priority: add(task.priority, priority),
        worker_label: if task.worker_label.is_empty() { DEFAULT_LABEL.to_owned() } else { task.worker_label.clone() },
        r#type: if task.r#type.is_empty() { DEFAULT_TYPE.to_owned() } else { task.r#type.clone() },
        secrets: task.secrets.clone(),
    })
}

/// The run as the core sees it, before anything happened.
pub(super) fn live_run(run: &NewRun, tasks: &[PlanTask], rows: &[NewTask]) -> LiveRun {
    let state = |task: &PlanTask, row: &NewTask| TaskState {
        status: TaskStatus::Queued,
        enqueued: false,
        attempt: 0,
        losses: 0,
        max_attempts: row.max_attempts.unsigned_abs(),
        any_input: row.any_input,
        opened: Vec::new(),
        upstream: task.inputs.iter().map(|edge| Edge { from: edge.from as usize, kind: edge_kind(edge) }).collect(),
    };
    let live = LiveRun {
        tenant: run.order.tenant,
        id: run.order.id,
        target: run.order.target,
        project: run.project,
        name: run.name.clone(),
        paused: false,
        admitted: run.concurrency.is_none(),
        keyed: run.concurrency.is_some(),
        scheduled: run.order.schedule_id.is_some(),
        notified: run.notify.is_some(),
        rows_processed: 0,
        parent: run.order.parent,
        depth: run.order.depth,
        priority: run.order.priority,
        created_by: run.order.created_by,
        kept_by: None,
        context: None,
        inputs: run.order.inputs.clone(),
        state: RunState {
            status: RunStatus::Pending,
            tasks: tasks.iter().zip(rows).map(|(task, row)| state(task, row)).collect(),
        },
        tasks: rows.iter().map(live_task).collect(),
    };
    let context = live.asks_for_context().then(|| run.order.context.clone());
    LiveRun { context, ..live }
}

fn live_task(row: &NewTask) -> LiveTask {
    LiveTask {
        id: row.id,
        place: row.place.clone(),
        atom: row.atom.clone(),
        config: if is_native(&row.atom) { row.config.clone() } else { String::new() },
        passthrough: row.passthrough,
        priority: row.priority,
        label: row.worker_label.clone(),
        timeout_ms: row.timeout_ms,
        backoff: Backoff::of(row.backoff_ms.unsigned_abs(), row.max_backoff_ms.unsigned_abs()),
        conditions: row.edge_conditions.clone(),
        inputs: Vec::new(),
        handed_on: Vec::new(),
        parts: Vec::new(),
    }
}

fn edge_kind(edge: &PlanEdge) -> EdgeKind {
    match edge.r#type() {
        EdgeType::Error => EdgeKind::Error,
        EdgeType::Conditional => EdgeKind::Conditional,
        EdgeType::DataFlow | EdgeType::Unspecified => EdgeKind::DataFlow,
    }
}

/// The sum of two priorities, within bounds.
pub(super) fn add(one: i32, other: i32) -> i32 {
    let sum = (i64::from(one) + i64::from(other)).clamp(*PRIORITIES.start(), *PRIORITIES.end());
    i32::try_from(sum).unwrap_or_default()
}

fn or_default(number: u32, default: u32) -> u32 {
    if number == 0 { default } else { number }
}

fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
