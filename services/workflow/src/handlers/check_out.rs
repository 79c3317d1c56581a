//! The lock that a person takes on a workflow while working on it.

use chrono::Utc;
use trinity_context::RequestContext;
use trinity_error::{Result, parse_id};
use trinity_ids::WorkflowId;
use trinity_outbox as outbox;
use trinity_proto::workflow as pb;

use crate::app::App;
use crate::domain::workflow as rules;
use crate::store::workflow::Row;
use crate::{convert, error, events, store};

/// Checks that nobody else holds the workflow.
///
/// # Errors
/// `FailedPrecondition` `CHECKED_OUT`.
pub fn allow_change(ctx: &RequestContext, row: &Row) -> Result<()> {
    match row.checked_out_by {
        // Why: a lock is a person's; the programs he answers for do not share it.
        Some(holder) if ctx.user().ok() != Some(holder) => Err(error::checked_out(holder)),
        _ => Ok(()),
    }
}

/// Takes the lock; taking one's own again changes nothing.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` `CHECKED_OUT` by someone else.
pub async fn check_out(app: &App, ctx: &RequestContext, request: pb::CheckOutRequest) -> Result<pb::CheckOutResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let (tenant, user) = (ctx.tenant()?, ctx.user()?);
    let mut tx = app.db.begin(ctx).await?;
    let mut row = store::workflow::lock_live(&mut tx, tenant, id).await?;
    ctx.require("workflow.update", &row.path(), "workflow")?;
    allow_change(ctx, &row)?;
    if row.checked_out_by.is_none() {
        let before = row.clone();
        let locked = Row { checked_out_by: Some(user), checked_out_at: Some(Utc::now()), ..row };
        row = store::workflow::update(&mut tx, tenant, &locked).await?;
        outbox::write(&mut tx, ctx, events::change(events::CHECK_OUT, Some(&before), &row)).await?;
    }
    let canvas = store::version::find(&mut tx, tenant, id, None).await?.map(|version| version.canvas);
    tx.commit().await?;
    Ok(pb::CheckOutResponse { workflow: Some(convert::workflow(row, canvas)) })
}

/// Gives the lock back, and leaves a comment on the newest version if there is one to leave.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` `CHECKED_OUT` by someone else, or `NOT_CHECKED_OUT`.
pub async fn check_in(app: &App, ctx: &RequestContext, request: pb::CheckInRequest) -> Result<pb::CheckInResponse> {
    let id: WorkflowId = parse_id("workflow_id", &request.workflow_id)?;
    let comment = rules::comment(request.comment)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::workflow::lock_live(&mut tx, tenant, id).await?;
    ctx.require("workflow.update", &before.path(), "workflow")?;
    allow_change(ctx, &before)?;
    if before.checked_out_by.is_none() {
        return Err(error::not_checked_out());
    }
    let free = Row { checked_out_by: None, checked_out_at: None, ..before.clone() };
    let row = store::workflow::update(&mut tx, tenant, &free).await?;
    if !comment.is_empty() {
        store::version::set_comment(&mut tx, tenant, id, row.version, &comment).await?;
    }
    outbox::write(&mut tx, ctx, events::change(events::CHECK_IN, Some(&before), &row)).await?;
    let canvas = store::version::find(&mut tx, tenant, id, None).await?.map(|version| version.canvas);
    tx.commit().await?;
    Ok(pb::CheckInResponse { workflow: Some(convert::workflow(row, canvas)) })
}
