//! Who may do what with a workflow, where a handler has no row of it at hand yet.

use sqlx::PgConnection;
use trinity_access::Path;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::{ProjectId, UserId, WorkflowId};

use crate::app::App;
use crate::domain::workflow::SaveCanvas;
use crate::store;

/// Lets the caller do `permission` on a live workflow.
///
/// # Errors
/// `NotFound` also when the caller may not see it; `PermissionDenied`.
pub async fn require(tx: &mut PgConnection, ctx: &RequestContext, id: WorkflowId, permission: &str) -> Result<()> {
    let place = store::place::find(tx, ctx.tenant()?, id).await?.ok_or_else(|| Error::not_found("workflow"))?;
    ctx.require(permission, &place.path(), "workflow")
}

/// Lets the caller save, and tells who owns the project: a new workflow is a change of its project, another one of itself.
///
/// # Errors
/// `NotFound` the project or workflow is not there or not to be seen; `PermissionDenied`.
pub async fn require_save(app: &App, ctx: &RequestContext, save: &SaveCanvas) -> Result<UserId> {
    match save.workflow {
        None => require_in_project(app, ctx, save.project, "workflow.update").await,
        Some(workflow) => require_next(app, ctx, save.project, workflow).await,
    }
}

/// Lets the caller do `permission` in a project, and tells who owns it.
///
/// # Errors
/// `NotFound` also when the caller may not see it; `PermissionDenied`.
pub async fn require_in_project(
    app: &App,
    ctx: &RequestContext,
    project: ProjectId,
    permission: &str,
) -> Result<UserId> {
    let owner = app.registry.check_project(ctx, project).await?;
    ctx.require(permission, &Path::project(project, owner), "project")?;
    Ok(owner)
}

async fn require_next(app: &App, ctx: &RequestContext, project: ProjectId, workflow: WorkflowId) -> Result<UserId> {
    let find = store::place::find_at_once(&app.db, ctx, workflow);
    let (place, owner) = tokio::join!(find, app.registry.check_project(ctx, project));
    let mut place = place?.filter(|place| place.project_id == project).ok_or_else(|| Error::not_found("workflow"))?;
    let noted = place.project_owner_id;
    if let Ok(owner) = &owner {
        place.project_owner_id = *owner;
    }
    // Why before the project's own answer: who may not see the workflow learns nothing of the project either.
    ctx.require("workflow.update", &place.path(), "workflow")?;
    let owner = owner?;
    if owner != noted {
        let mut tx = app.db.begin(ctx).await?;
        store::place::set_project_owner(&mut tx, ctx.tenant()?, project, owner).await?;
        tx.commit().await?;
    }
    Ok(owner)
}
