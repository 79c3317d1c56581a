//! What this service announces: ids, names and versions, never a canvas.

use serde_json::json;
use trinity_outbox::Event;

use crate::store::workflow::Row;

/// Actions, the same words as in the contract's policies.
pub const SAVE: &str = "workflow.save";
pub const UPDATE: &str = "workflow.update";
pub const DELETE: &str = "workflow.delete";
pub const RESTORE: &str = "workflow.restore";
pub const CHECK_OUT: &str = "workflow.check_out";
pub const CHECK_IN: &str = "workflow.check_in";

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

fn facts(row: &Row) -> String {
    json!({
        "id": row.id,
        "project_id": row.project_id,
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
