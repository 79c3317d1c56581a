//! Who may do what with a workflow, where a handler has no row of it at hand yet.

use sqlx::PgConnection;
use trinity_access::{Path, Visible};
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_ids::{FolderId, ProjectId, UserId, WorkflowId};

use crate::app::App;
use crate::domain::spot::{Spot, Wanted};
use crate::domain::workflow::SaveCanvas;
use crate::{convert, store};

/// Lets the caller do `permission` on a live workflow.
///
/// # Errors
/// `NotFound` also when the caller may not see it; `PermissionDenied`.
pub async fn require(tx: &mut PgConnection, ctx: &RequestContext, id: WorkflowId, permission: &str) -> Result<()> {
    let place = store::place::find(tx, ctx.tenant()?, id).await?.ok_or_else(|| Error::not_found("workflow"))?;
    ctx.require(permission, &place.path(), "workflow")
}

/// Lets the caller save, and tells who owns the project: a new workflow is a change of its project or folder, another one of
/// itself.
///
/// # Errors
/// `NotFound` the project or workflow is not there or not to be seen; `PermissionDenied`.
pub async fn require_save(app: &App, ctx: &RequestContext, save: &SaveCanvas) -> Result<UserId> {
    match save.workflow {
        None => {
            let wanted = Wanted { project: Some(save.project), folder: save.folder };
            Ok(require_at(app, ctx, wanted, "workflow.update").await?.project_owner)
        }
        Some(workflow) => require_next(app, ctx, save.project, workflow).await,
    }
}

/// Lets the caller do `permission` in a folder, or without one in a project, and tells which that is.
///
/// # Errors
/// `InvalidArgument` when neither is named; `NotFound` also when the caller may not see it, or the folder is not one of the
/// project; `PermissionDenied`.
pub async fn require_at(app: &App, ctx: &RequestContext, wanted: Wanted, permission: &str) -> Result<Spot> {
    let Some(folder) = wanted.folder else {
        let project = wanted.project.ok_or_else(|| Error::required("project_id"))?;
        let project_owner = require_in_project(app, ctx, project, permission).await?;
        return Ok(Spot { project, project_owner, folder: None });
    };
    let spot = app.registry.locate_folder(ctx, folder).await?;
    if wanted.project.is_some_and(|project| project != spot.project) {
        return Err(Error::not_found("folder"));
    }
    // Why as a workflow: what may be done with what lies in a folder is said in the words of workflows.
    match ctx.require(permission, &spot.path(), "workflow") {
        Err(error) if error.code() == Code::NotFound => Err(Error::not_found("folder")),
        judged => judged.map(|()| spot),
    }
}

/// What a list shows: of which project, of which folder, and what of it the caller may see. Whether the project is there for him
/// is left to the list; a folder is, for what he gets of it is everything.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` no such folder to be seen.
pub async fn require_list(
    app: &App,
    ctx: &RequestContext,
    project_id: &str,
    folder_id: &str,
) -> Result<(ProjectId, Option<FolderId>, Visible)> {
    let wanted = convert::wanted(project_id, folder_id)?;
    match (wanted.project, wanted.folder) {
        (Some(project), None) => Ok((project, None, ctx.visible("workflow.read")?)),
        _ => {
            let spot = require_at(app, ctx, wanted, "workflow.read").await?;
            Ok((spot.project, spot.folder, Visible { everything: true, ..Visible::default() }))
        }
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
