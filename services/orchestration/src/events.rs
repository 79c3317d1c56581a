//! What this service announces.

use trinity_ids::{JobId, RunId, TenantId, WorkflowId};
use trinity_outbox::Event;

use crate::domain::engine::RunStatus;
use crate::domain::order::Target;
use crate::store::live::LiveRun;
use crate::store::new_run::NewRun;
use crate::store::run::Row;
use crate::store::{calendar, hook, schedule, status, webhook_target};

/// A run was started; the same word as the policy of `ExecuteWorkflow`.
pub const RUN_START: &str = "run.start";

/// A run was made.
#[must_use]
pub fn started(run: &NewRun) -> Event {
    let order = &run.order;
    let (workflow, job) = ids(order.target);
    let after = serde_json::json!({
        "workflow_id": workflow,
        "job_id": job,
        "workflow_version": run.version,
        "project_id": run.project,
        "trigger": order.trigger.text(),
        "created_by": order.created_by,
        "rerun_of": order.rerun_of,
        "parent_run_id": order.parent.map(|parent| parent.run),
        "schedule_id": order.schedule_id,
        "hook_id": order.hook_id,
    });
    Event {
        action: RUN_START,
        object_type: "run",
        object_id: order.id.to_string(),
        object_name: run.name.clone(),
        after: Some(after.to_string()),
        ..Event::default()
    }
}

/// A run was made that goes on from an earlier one.
#[must_use]
pub fn started_again(earlier: &Row, id: RunId) -> Event {
    let after = serde_json::json!({
        "workflow_id": earlier.workflow_id,
        "job_id": earlier.job_id,
        "workflow_version": earlier.workflow_version,
        "project_id": earlier.project_id,
        "trigger": "manual",
        "rerun_of": earlier.id,
        "from_failed": true,
    });
    Event {
        action: RUN_START,
        object_type: "run",
        object_id: id.to_string(),
        object_name: earlier.name.clone(),
        after: Some(after.to_string()),
        ..Event::default()
    }
}

/// A run ended.
#[must_use]
pub fn finished(run: &LiveRun, ending: RunStatus) -> (TenantId, Event) {
    let action = match ending {
        RunStatus::Succeeded => "run.succeed",
        RunStatus::Cancelled => "run.cancelled",
        _ => "run.fail",
    };
    let (workflow, job) = ids(run.target);
    let after = serde_json::json!({
        "workflow_id": workflow,
        "job_id": job,
        "project_id": run.project,
        "status": status::run_text(ending),
        "rows_processed": run.rows_processed,
    });
    let event = Event {
        action,
        object_type: "run",
        object_id: run.id.to_string(),
        object_name: run.name.clone(),
        after: Some(after.to_string()),
        ..Event::default()
    };
    (run.tenant, event)
}

/// Somebody paused, resumed or cancelled a run.
#[must_use]
pub fn controlled(action: &'static str, run: &str) -> Event {
    Event { action, object_type: "run", object_id: run.to_owned(), ..Event::default() }
}

/// Somebody replayed or discarded a dead letter.
#[must_use]
pub fn dead_letter(action: &'static str, task: &str, run: &str) -> Event {
    let after = serde_json::json!({ "task_id": task });
    Event { action, object_type: "run", object_id: run.to_owned(), after: Some(after.to_string()), ..Event::default() }
}

/// Somebody made, changed, paused, resumed or deleted a schedule.
#[must_use]
pub fn schedule(action: &'static str, row: &schedule::Row) -> Event {
    let after = serde_json::json!({
        "workflow_id": row.target.workflow_id,
        "job_id": row.target.job_id,
        "project_id": row.target.project_id,
        "cron": row.cron,
        "time_zone": row.time_zone,
        "calendar_id": row.calendar_id,
        "catch_up": row.catch_up,
        "overlap": row.overlap,
        "paused": row.paused,
    });
    about(action, "schedule", row.id, &row.name, Some(after.to_string()))
}

/// Somebody made, changed or deleted a calendar.
#[must_use]
pub fn calendar(action: &'static str, row: &calendar::Row) -> Event {
    let after = serde_json::json!({ "holidays": row.holidays, "days_off": row.days_off });
    about(action, "calendar", row.id, &row.name, Some(after.to_string()))
}

/// Somebody made, changed, rotated or deleted a hook.
#[must_use]
pub fn hook(action: &'static str, row: &hook::Row) -> Event {
    let after = serde_json::json!({
        "workflow_id": row.target.workflow_id,
        "job_id": row.target.job_id,
        "project_id": row.target.project_id,
        "paused": row.paused,
    });
    about(action, "hook", row.id, &row.name, Some(after.to_string()))
}

/// A hook was called, and starts a run.
#[must_use]
pub fn received(row: &hook::Row, run: RunId) -> Event {
    let after = serde_json::json!({ "run_id": run });
    about("hook.receive", "hook", row.id, &row.name, Some(after.to_string()))
}

/// Somebody made or deleted an address that workflows may notify.
#[must_use]
pub fn webhook_target(action: &'static str, row: &webhook_target::Row) -> Event {
    let after = serde_json::json!({ "url": row.url });
    about(action, "webhook_target", row.id, &row.name, Some(after.to_string()))
}

fn about(
    action: &'static str,
    object_type: &'static str,
    id: impl Into<String>,
    name: &str,
    after: Option<String>,
) -> Event {
    Event { action, object_type, object_id: id.into(), object_name: name.to_owned(), after, ..Event::default() }
}

fn ids(target: Target) -> (Option<WorkflowId>, Option<JobId>) {
    match target {
        Target::Workflow(id, _) => (Some(id), None),
        Target::Job(id) => (None, Some(id)),
    }
}
