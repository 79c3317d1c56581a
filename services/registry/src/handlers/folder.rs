//! Folders. Whatever changes where they stand holds the row of their project meanwhile.

use trinity_context::RequestContext;
use trinity_db::{PageRequest, Tx};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{FolderId, ProjectId};
use trinity_outbox as outbox;
use trinity_proto::registry as pb;
use trinity_proto::workflow::ListFolderContentsRequest;

use crate::app::App;
use crate::convert::{self, page_info};
use crate::domain::folder::{Folder, FolderChange, FolderMove, NewFolder, check_place};
use crate::handlers::access;
use crate::store::folder::{Filter, Placed};
use crate::{error, events, store};

/// Creates a folder.
///
/// # Errors
/// `InvalidArgument` bad field; `NotFound` no such project or folder to be seen; `PermissionDenied`; `AlreadyExists` name taken in
/// its place; `FailedPrecondition` too deep.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateFolderRequest,
) -> Result<pb::CreateFolderResponse> {
    let new = NewFolder::try_from(request)?;
    let (tenant, by) = (ctx.tenant()?, ctx.responsible()?);
    let mut tx = app.db.begin(ctx).await?;
    require_place(&mut tx, ctx, new.project, new.parent).await?;
    store::place::find_locked(&mut tx, tenant, new.project).await?.ok_or_else(|| Error::not_found("project"))?;
    check_place(None, &around(&mut tx, ctx, new.project, new.parent).await?, 1)?;
    let folder = store::folder::insert(&mut tx, tenant, by, &new).await?;
    outbox::write(&mut tx, ctx, events::folder::created(&folder)).await?;
    tx.commit().await?;
    Ok(pb::CreateFolderResponse { folder: Some(folder.into()) })
}

/// Shows a folder.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn get(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetFolderRequest,
) -> Result<pb::GetFolderResponse> {
    let id = parse_id("folder_id", &request.folder_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let found = store::folder::find(&mut tx, ctx.tenant()?, id).await?;
    let folder = permitted(ctx, "project.read", found)?.folder;
    Ok(pb::GetFolderResponse { folder: Some(folder.into()) })
}

/// Lists the folders of a place by name.
///
/// # Errors
/// `InvalidArgument` bad id or paging; `NotFound` no such project or folder to be seen.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListFoldersRequest,
) -> Result<pb::ListFoldersResponse> {
    let project: ProjectId = parse_id("project_id", &request.project_id)?;
    let parent = convert::folder::parent(&request.parent_id)?;
    let query = ["folders", &request.project_id, &request.parent_id];
    let page = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let filter = match parent {
        Some(parent) => {
            require_in(&mut tx, ctx, project, parent, "project.read").await?;
            Filter::In(parent)
        }
        None => top(&mut tx, ctx, project).await?,
    };
    let page = store::folder::list(&mut tx, ctx.tenant()?, &filter, page).await?;
    if page.total == 0 && matches!(filter, Filter::Among(..)) {
        return Err(Error::not_found("project"));
    }
    let info = page_info(&page);
    Ok(pb::ListFoldersResponse { folders: page.items.into_iter().map(Into::into).collect(), page: Some(info) })
}

/// What the top of a project is for the caller, who may see some of its folders alone.
async fn top(tx: &mut Tx, ctx: &RequestContext, project: ProjectId) -> Result<Filter> {
    let place = store::place::find(tx, ctx.tenant()?, project).await?.ok_or_else(|| Error::not_found("project"))?;
    match access::require(ctx, "project.read", "project", &place) {
        Ok(()) => Ok(Filter::Top(project)),
        Err(_) if ctx.standing()?.allows_app(&place.app) => {
            let visible = ctx.visible("project.read")?.folders;
            Ok(Filter::Among(project, visible.into_iter().map(FolderId::from).collect()))
        }
        Err(error) => Err(error),
    }
}

/// Renames a folder; one that stays as it is keeps its version.
///
/// # Errors
/// `InvalidArgument` bad field; `NotFound`; `PermissionDenied`; `Aborted` stale version; `AlreadyExists` name taken in its place.
pub(crate) async fn update(
    app: &App,
    ctx: &RequestContext,
    request: pb::UpdateFolderRequest,
) -> Result<pb::UpdateFolderResponse> {
    let change = FolderChange::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let found = store::folder::find_locked(&mut tx, tenant, change.id).await?;
    let before = permitted(ctx, "project.update", found)?.folder;
    before.require_version(change.version)?;
    let wanted = Folder { name: change.name.unwrap_or_else(|| before.name.clone()), ..before.clone() };
    if wanted.name == before.name {
        return Ok(pb::UpdateFolderResponse { folder: Some(before.into()) });
    }
    let after = store::folder::update(&mut tx, tenant, &wanted).await?;
    outbox::write(&mut tx, ctx, events::folder::updated(&before, &after)).await?;
    tx.commit().await?;
    Ok(pb::UpdateFolderResponse { folder: Some(after.into()) })
}

/// Moves a folder with all that is in it. That changes with whom it is shared, so it asks for what sharing asks for, and nobody
/// gains by it.
///
/// # Errors
/// `InvalidArgument` bad id; `NotFound`; `PermissionDenied`, also `MOVE_GIVES_MORE`; `Aborted` stale version; `AlreadyExists` name
/// taken there; `FailedPrecondition` `FOLDER_CYCLE`, `FOLDER_TOO_DEEP`.
pub(crate) async fn relocate(
    app: &App,
    ctx: &RequestContext,
    request: pb::MoveFolderRequest,
) -> Result<pb::MoveFolderResponse> {
    let change = FolderMove::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let found = store::folder::find(&mut tx, tenant, change.id).await?;
    let found = permitted(ctx, "grant.manage", found)?;
    access::require_folder(ctx, "project.update", &found.place, change.id)?;
    let project = found.folder.project_id;
    require_place(&mut tx, ctx, project, change.parent).await?;
    access::require_no_gain(ctx, &found.place, change.id, change.parent)?;

    store::place::find_locked(&mut tx, tenant, project).await?.ok_or_else(|| Error::not_found("folder"))?;
    let found = store::folder::find_locked(&mut tx, tenant, change.id).await?;
    let before = found.ok_or_else(|| Error::not_found("folder"))?.folder;
    before.require_version(change.version)?;
    if before.parent_id == change.parent {
        return Ok(pb::MoveFolderResponse { folder: Some(before.into()) });
    }
    let height = store::folder::height(&mut tx, tenant, change.id).await?;
    check_place(Some(change.id), &around(&mut tx, ctx, project, change.parent).await?, height)?;
    let wanted = Folder { parent_id: change.parent, ..before.clone() };
    let after = store::folder::update(&mut tx, tenant, &wanted).await?;
    outbox::write(&mut tx, ctx, events::folder::moved(&before, &after)).await?;
    tx.commit().await?;
    Ok(pb::MoveFolderResponse { folder: Some(after.into()) })
}

/// Deletes an empty folder.
///
/// # Errors
/// `InvalidArgument` bad id; `NotFound`; `PermissionDenied`; `FailedPrecondition` `FOLDER_NOT_EMPTY`; `Unavailable` when nobody can
/// say what lies in it.
pub(crate) async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteFolderRequest,
) -> Result<pb::DeleteFolderResponse> {
    let id: FolderId = parse_id("folder_id", &request.folder_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let found = store::folder::find(&mut tx, tenant, id).await?;
    let project = permitted(ctx, "project.update", found)?.folder.project_id;
    drop(tx);
    let things = count_things(app, ctx, id).await?;

    let mut tx = app.db.begin(ctx).await?;
    store::place::find_locked(&mut tx, tenant, project).await?.ok_or_else(|| Error::not_found("folder"))?;
    let found = store::folder::find_locked(&mut tx, tenant, id).await?;
    let folder = found.ok_or_else(|| Error::not_found("folder"))?.folder;
    let folders = store::folder::count_children(&mut tx, tenant, id).await?;
    if folders + things > 0 {
        return Err(error::folder_not_empty(folders, things));
    }
    store::folder::delete(&mut tx, tenant, id).await?;
    outbox::write(&mut tx, ctx, events::folder::deleted(&folder)).await?;
    tx.commit().await?;
    Ok(pb::DeleteFolderResponse {})
}

/// How many live workflows and jobs lie in a folder itself.
async fn count_things(app: &App, ctx: &RequestContext, id: FolderId) -> Result<u64> {
    let message = ListFolderContentsRequest { tenant_id: ctx.tenant()?.into(), folder_ids: vec![id.into()] };
    let answer = app.contents.clone().list_folder_contents(app.peers.request(ctx, message)).await?.into_inner();
    Ok(answer.folders.iter().map(|folder| u64::from(folder.live)).sum())
}

/// Lets the caller do `permission` with a folder that was looked for.
fn permitted(ctx: &RequestContext, permission: &str, found: Option<Placed>) -> Result<Placed> {
    let found = found.ok_or_else(|| Error::not_found("folder"))?;
    access::require_folder(ctx, permission, &found.place, found.folder.id)?;
    Ok(found)
}

/// Lets the caller put something into a folder of a project, or at its top.
async fn require_place(tx: &mut Tx, ctx: &RequestContext, project: ProjectId, parent: Option<FolderId>) -> Result<()> {
    let Some(parent) = parent else {
        let place = store::place::find(tx, ctx.tenant()?, project).await?.ok_or_else(|| Error::not_found("project"))?;
        return access::require(ctx, "project.update", "project", &place);
    };
    require_in(tx, ctx, project, parent, "project.update").await
}

/// Lets the caller do `permission` with a folder of this project.
async fn require_in(
    tx: &mut Tx,
    ctx: &RequestContext,
    project: ProjectId,
    id: FolderId,
    permission: &str,
) -> Result<()> {
    let found = store::folder::find(tx, ctx.tenant()?, id).await?;
    permitted(ctx, permission, found.filter(|found| found.folder.project_id == project)).map(drop)
}

/// The folders around a place, once the project is locked: none at its top.
async fn around(
    tx: &mut Tx,
    ctx: &RequestContext,
    project: ProjectId,
    parent: Option<FolderId>,
) -> Result<Vec<FolderId>> {
    let Some(parent) = parent else { return Ok(Vec::new()) };
    // Why again: it may have gone before the lock was had.
    let found = store::folder::find(tx, ctx.tenant()?, parent).await?;
    if found.is_none_or(|found| found.folder.project_id != project) {
        return Err(Error::not_found("folder"));
    }
    store::folder::around(tx, ctx.tenant()?, parent).await
}
