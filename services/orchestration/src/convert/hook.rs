//! Hooks, between rows and messages.

use chrono::DateTime;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::HookId;
use trinity_proto::orchestration as pb;

use super::{name, priority, timestamp};
use crate::domain::address::Address;
use crate::store::hook::Row;
use crate::store::target;

/// A new hook, without its key.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn new(ctx: &RequestContext, target: target::Columns, request: &pb::CreateHookRequest) -> Result<Row> {
    Ok(Row {
        id: HookId::new(),
        name: name("name", &request.name)?,
        target,
        paused: false,
        priority: priority(request.priority)?,
        sealed_key: Vec::new(),
        created_by: ctx.responsible()?,
        created_at: DateTime::UNIX_EPOCH,
        last_received_at: None,
    })
}

/// A hook with what a request changes in it.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn changed(mut row: Row, request: &pb::UpdateHookRequest) -> Result<Row> {
    if let Some(text) = &request.name {
        row.name = name("name", text)?;
    }
    if let Some(number) = request.priority {
        row.priority = priority(number)?;
    }
    row.paused = request.paused.unwrap_or(row.paused);
    Ok(row)
}

/// Where an address is called.
#[must_use]
pub fn path(address: &Address) -> String {
    format!("/api/v1/incoming/{}", address.to_text())
}

impl From<Row> for pb::Hook {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            project_id: row.target.project_id.to_string(),
            workflow_id: row.target.workflow_id.map(String::from),
            job_id: row.target.job_id.map(String::from),
            paused: row.paused,
            priority: row.priority,
            created_by: row.created_by.to_string(),
            created_at: Some(timestamp(row.created_at)),
            last_received_at: row.last_received_at.map(timestamp),
        }
    }
}
