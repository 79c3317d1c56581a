//! What this service announces: ids, names and versions, never a canvas.

use serde_json::json;
use trinity_outbox::Event;

use crate::domain::job::Step;
use crate::store::job;
use crate::store::workflow::Row;

/// Actions, the same words as in the contract's policies.
pub const SAVE: &str = "workflow.save";
pub const UPDATE: &str = "workflow.update";
pub const DELETE: &str = "workflow.delete";
pub const RESTORE: &str = "workflow.restore";
pub const CHECK_OUT: &str = "workflow.check_out";
pub const CHECK_IN: &str = "workflow.check_in";
pub const MOVE: &str = "workflow.move";
pub const JOB_CREATE: &str = "job.create";
pub const JOB_UPDATE: &str = "job.update";
pub const JOB_DELETE: &str = "job.delete";
pub const JOB_RESTORE: &str = "job.restore";
pub const JOB_MOVE: &str = "job.move";

/// A change of a workflow.
pub fn change(action: &'static str, before: Option<&Row>, after: &Row) -> Event {
    Event {
        action,
        object_type: "workflow",
        object_id: after.id.to_string(),
        object_name: after.name.clone(),
        before: before.map(facts),
        after: Some(facts(after)),
        ..Event::default()
    }
}

/// A change of a job, each time with its steps.
pub fn job(action: &'static str, before: Option<(&job::Row, &[Step])>, after: (&job::Row, &[Step])) -> Event {
    Event {
        action,
        object_type: "job",
        object_id: after.0.id.to_string(),
        object_name: after.0.name.clone(),
        before: before.map(job_facts),
        after: Some(job_facts(after)),
        ..Event::default()
    }
}

fn job_facts((row, steps): (&job::Row, &[Step])) -> String {
    let step = |step: &Step| json!({"workflow_id": step.workflow, "depends_on": step.depends_on});
    json!({
        "id": row.id,
        "project_id": row.project_id,
        "folder_id": row.folder_id,
        "name": row.name,
        "description": row.description,
        "package": row.package,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "version": row.version,
        "deleted_at": row.deleted_at,
    })
    .to_string()
}

fn facts(row: &Row) -> String {
    json!({
        "id": row.id,
        "project_id": row.project_id,
        "folder_id": row.folder_id,
        "name": row.name,
        "slug": row.slug,
        "description": row.description,
        "tags": row.tags,
        "version": row.version,
        "molecules_used": row.molecules_used,
        "atoms_used": row.atoms_used,
        "checked_out_by": row.checked_out_by,
        "deleted_at": row.deleted_at,
    })
    .to_string()
}
