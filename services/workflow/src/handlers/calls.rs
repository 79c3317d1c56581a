//! Other workflows that a canvas names: whether the project has them, at the moment when that matters.

use std::collections::HashSet;

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::{ProjectId, WorkflowId};

use crate::domain::fault::{Fault, FaultCode};
use crate::domain::plan::Call;
use crate::{error, store};

/// One fault for each call of a workflow that the project does not have, or not any more.
pub async fn unknown(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    project: ProjectId,
    calls: &[Call],
) -> Result<Vec<Fault>> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<WorkflowId> = calls.iter().map(|call| call.workflow).collect();
    let live = store::place::list_named(tx, ctx.tenant()?, project, &ids).await?;
    let live: HashSet<WorkflowId> = live.into_iter().map(|named| named.place.id).collect();
    let missing = calls.iter().filter(|call| !live.contains(&call.workflow));
    let fault = |call: &Call| {
        let message = format!("the project has no workflow {}", call.workflow);
        Fault::new(&call.place, FaultCode::UnknownWorkflow, message)
    };
    Ok(missing.map(fault).collect())
}

/// Refuses a workflow that is a part of itself.
///
/// # Errors
/// `InvalidArgument` `CANVAS_INVALID`.
pub fn refuse_self(workflow: WorkflowId, calls: &[Call]) -> Result<()> {
    let faults = of_itself(workflow, calls);
    if faults.is_empty() { Ok(()) } else { Err(error::canvas_invalid(&faults)) }
}

/// One fault for each call of the workflow by itself.
pub fn of_itself(workflow: WorkflowId, calls: &[Call]) -> Vec<Fault> {
    let own = calls.iter().filter(|call| call.workflow == workflow);
    own.map(|call| Fault::new(&call.place, FaultCode::SelfCall, "the workflow cannot be a part of itself")).collect()
}
