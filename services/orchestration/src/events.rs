//! What this service announces.

use trinity_ids::TenantId;
use trinity_outbox::Event;

use crate::domain::engine::RunStatus;
use crate::store::live::LiveRun;
use crate::store::run::NewRun;
use crate::store::status;

/// A run was started; the same word as the policy of `ExecuteWorkflow`.
pub const RUN_START: &str = "run.start";

/// A run was made.
#[must_use]
pub fn started(run: &NewRun, workflow_name: &str) -> Event {
    let after = serde_json::json!({
        "workflow_id": run.workflow,
        "workflow_version": run.workflow_version,
        "project_id": run.project,
        "rerun_of": run.rerun_of,
    });
    Event {
        action: RUN_START,
        object_type: "run",
        object_id: run.id.to_string(),
        object_name: workflow_name.to_owned(),
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
    let after = serde_json::json!({
        "workflow_id": run.workflow,
        "project_id": run.project,
        "status": status::run_text(ending),
        "rows_processed": run.rows_processed,
    });
    let event = Event {
        action,
        object_type: "run",
        object_id: run.id.to_string(),
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
