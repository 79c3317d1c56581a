//! Projects.

use trinity_context::RequestContext;
use trinity_db::{PageRequest, Tx};
use trinity_error::{Error, Result, parse_id};
use trinity_outbox as outbox;
use trinity_proto::registry as pb;

use crate::app::App;
use crate::convert::page_info;
use crate::domain::project::{NewProject, ProjectChange};
use crate::domain::text;
use crate::handlers::access;
use crate::store::project::Filter;
use crate::{error, events, store};

/// Creates a project owned by the caller, or by the person who answers for the program that calls.
///
/// # Errors
/// `InvalidArgument` bad field; `NotFound` app unknown or not allowed; `AlreadyExists` name taken; `ResourceExhausted` the
/// plan allows no more.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateProjectRequest,
) -> Result<pb::CreateProjectResponse> {
    let new = NewProject::try_from(request)?;
    let owner = ctx.responsible()?;
    if !ctx.standing()?.allows_app(&new.app) {
        return Err(Error::not_found("app"));
    }
    let mut tx = app.db.begin(ctx).await?;
    admit_one_more(&mut tx, ctx).await?;
    let project = store::project::insert(&mut tx, ctx.tenant()?, owner, &new).await?;
    outbox::write(&mut tx, ctx, events::project_created(&project)).await?;
    tx.commit().await?;
    Ok(pb::CreateProjectResponse { project: Some(project.into()) })
}

/// Shows a live project.
///
/// # Errors
/// `NotFound` when the tenant has no such live project that the caller may see.
pub(crate) async fn get(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetProjectRequest,
) -> Result<pb::GetProjectResponse> {
    let id = parse_id("project_id", &request.project_id)?;
    let project = app.projects.find(ctx, id).await?.ok_or_else(|| Error::not_found("project"))?;
    access::require(ctx, "project.read", "project", &project.place())?;
    Ok(pb::GetProjectResponse { project: Some(project.into()) })
}

/// Lists live (or deleted) projects that the caller may see, newest first.
///
/// # Errors
/// `InvalidArgument` bad paging.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListProjectsRequest,
) -> Result<pb::ListProjectsResponse> {
    let slug = text::plain("app", request.app)?;
    let query = ["projects", &slug, if request.deleted { "deleted" } else { "live" }];
    let asked = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let filter = Filter {
        app: Some(slug).filter(|slug| !slug.is_empty()),
        allowed_apps: &ctx.standing()?.allowed_apps,
        deleted: request.deleted,
        visible: ctx.visible("project.read")?,
    };
    let mut tx = app.db.begin(ctx).await?;
    let page = store::project::list(&mut tx, ctx.tenant()?, &filter, asked).await?;
    let info = page_info(&page);
    Ok(pb::ListProjectsResponse { projects: page.items.into_iter().map(Into::into).collect(), page: Some(info) })
}

/// Changes a project.
///
/// # Errors
/// `InvalidArgument` bad field; `NotFound`; `PermissionDenied`; `Aborted` stale version; `AlreadyExists` name taken.
pub(crate) async fn update(
    app: &App,
    ctx: &RequestContext,
    request: pb::UpdateProjectRequest,
) -> Result<pb::UpdateProjectResponse> {
    let change = ProjectChange::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::project::find_locked(&mut tx, tenant, change.id).await?;
    let before = before.filter(|project| project.deleted_at.is_none()).ok_or_else(|| Error::not_found("project"))?;
    access::require(ctx, "project.update", "project", &before.place())?;
    if change.version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("project").with_metadata("version", before.version.to_string()));
    }
    let after = store::project::update(&mut tx, tenant, &change).await?;
    outbox::write(&mut tx, ctx, events::project_updated(&before, &after)).await?;
    tx.commit().await?;
    Ok(pb::UpdateProjectResponse { project: Some(after.into()) })
}

/// Hides a project.
///
/// # Errors
/// `InvalidArgument` bad reason; `NotFound`; `PermissionDenied`.
pub(crate) async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteProjectRequest,
) -> Result<pb::DeleteProjectResponse> {
    let id = parse_id("project_id", &request.project_id)?;
    let reason = text::description("reason", request.reason)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::project::find_locked(&mut tx, tenant, id).await?;
    let before = before.filter(|project| project.deleted_at.is_none()).ok_or_else(|| Error::not_found("project"))?;
    access::require(ctx, "project.delete", "project", &before.place())?;
    store::project::delete(&mut tx, tenant, id, &reason).await?;
    outbox::write(&mut tx, ctx, events::project_deleted(&before, &reason)).await?;
    tx.commit().await?;
    Ok(pb::DeleteProjectResponse {})
}

/// Brings a deleted project back.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` when it is not deleted; `AlreadyExists` when its name is taken by
/// now; `ResourceExhausted` when the plan allows no more.
pub(crate) async fn restore(
    app: &App,
    ctx: &RequestContext,
    request: pb::RestoreProjectRequest,
) -> Result<pb::RestoreProjectResponse> {
    let id = parse_id("project_id", &request.project_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::project::find_locked(&mut tx, tenant, id).await?.ok_or_else(|| Error::not_found("project"))?;
    access::require(ctx, "project.delete", "project", &before.place())?;
    if before.deleted_at.is_none() {
        return Err(error::project_not_deleted());
    }
    admit_one_more(&mut tx, ctx).await?;
    let after = store::project::restore(&mut tx, tenant, id).await?;
    outbox::write(&mut tx, ctx, events::project_restored(&before, &after)).await?;
    tx.commit().await?;
    Ok(pb::RestoreProjectResponse { project: Some(after.into()) })
}

/// Makes room for one more live project: whoever counts at the same time waits until this transaction has ended.
async fn admit_one_more(tx: &mut Tx, ctx: &RequestContext) -> Result<()> {
    let Some(limit) = ctx.standing()?.limits.projects else { return Ok(()) };
    let live = store::usage::count_projects_locked(tx, ctx.tenant()?).await?;
    if live < u64::from(limit) { Ok(()) } else { Err(error::project_limit_reached(limit)) }
}
