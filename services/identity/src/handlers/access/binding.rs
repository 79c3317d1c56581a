//! Roles given to users, groups and service accounts.

use chrono::Utc;
use trinity_access::{Object, ObjectKind, Permissions};
use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{BindingId, ProjectId, TenantId, UserId};
use trinity_proto::identity as pb;

use super::{locate, power};
use crate::domain::{Binding, NewBinding, OWNER, SubjectKind};
use crate::wiring::App;
use crate::{convert, error, events, store};

/// Gives a role to a subject.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` without the subject or the project; `AlreadyExists`
/// `BINDING_EXISTS`; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateRoleBindingRequest,
) -> Result<pb::CreateRoleBindingResponse> {
    let new = new_binding(request)?;
    let (tenant, by) = (ctx.tenant()?, ctx.responsible()?);
    let has = has_at(app, ctx, new.project).await?;
    let mut tx = app.db.begin(ctx).await?;
    if !store::subject::lock(&mut tx, tenant, new.subject).await? {
        return Err(new.subject.kind.not_found());
    }
    power::require_role(&mut tx, tenant, has, &new.role).await?;
    let binding = store::binding::insert(&mut tx, tenant, &new, Some(by)).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::binding_created(&binding)).await?;
    tx.commit().await?;
    Ok(pb::CreateRoleBindingResponse { binding: Some(binding.into()) })
}

/// Lists bindings, the newest first.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ListRoleBindingsRequest,
) -> Result<pb::ListRoleBindingsResponse> {
    let subject = match request.subject_id.as_str() {
        "" => None,
        id => Some(parse_id::<UserId>("subject_id", id)?.uuid()),
    };
    let project = convert::access::project(&request.project_id)?;
    let query = ["role-bindings", &request.subject_id, &request.project_id];
    let page = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let page = store::binding::list(&mut tx, ctx.tenant()?, subject, project, page).await?;
    Ok(convert::access::binding_page(page))
}

/// Takes a role away.
///
/// # Errors
/// `NotFound`; `PermissionDenied` `ROLE_TOO_STRONG`; `FailedPrecondition` `LAST_OWNER`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteRoleBindingRequest,
) -> Result<pb::DeleteRoleBindingResponse> {
    let id: BindingId = parse_id("binding_id", &request.binding_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    // Invariant: owners are locked before anything of theirs, by everybody, so nobody waits in a ring.
    let owners = store::user::lock_active_owners(&mut tx, tenant).await?;
    let binding = store::binding::find_locked(&mut tx, tenant, id).await?;
    let binding = binding.ok_or_else(|| Error::not_found("binding"))?;
    require_power_over(&mut tx, ctx, tenant, &binding).await?;
    if binding.role == OWNER && owners == [UserId::from(binding.subject.id)] {
        return Err(error::last_owner());
    }
    store::binding::delete(&mut tx, tenant, id).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::binding_deleted(&binding)).await?;
    tx.commit().await?;
    Ok(pb::DeleteRoleBindingResponse {})
}

/// Whoever takes a role away could have given it: in the project too, when he has it there.
async fn require_power_over(
    tx: &mut sqlx::PgConnection,
    ctx: &RequestContext,
    tenant: TenantId,
    binding: &Binding,
) -> Result<()> {
    let access = ctx.access()?;
    let in_project = binding.project.and_then(|project| access.projects.get(&project.uuid())).copied();
    let in_project = in_project.unwrap_or(Permissions::NONE);
    let in_project = access.scopes.map_or(in_project, |scopes| in_project.intersection(scopes));
    power::require_role(tx, tenant, power::in_tenant(access).union(in_project), &binding.role).await
}

fn new_binding(request: &pb::CreateRoleBindingRequest) -> Result<NewBinding> {
    if request.role.is_empty() {
        return Err(Error::required("role"));
    }
    let subject = convert::access::subject(request.subject.as_ref())?;
    let project = convert::access::project(&request.project_id)?;
    if request.role == OWNER && (subject.kind != SubjectKind::User || project.is_some()) {
        return Err(Error::invalid("role", "is for users in the whole tenant alone"));
    }
    Ok(NewBinding { role: request.role.clone(), subject, project })
}

/// What the caller may do in the project, or in the whole tenant without one.
async fn has_at(app: &App, ctx: &RequestContext, project: Option<ProjectId>) -> Result<Permissions> {
    let access = ctx.access()?;
    let Some(project) = project else { return Ok(power::in_tenant(access)) };
    let object = Object { kind: ObjectKind::Project, id: project.uuid() };
    let (path, now) = (locate::find(app, ctx, object).await?, Utc::now());
    // Why: what the caller may not see is not there for him.
    let path = path.filter(|path| access.allows("project.read", path, now));
    Ok(access.permissions_on(&path.ok_or_else(|| Error::not_found("project"))?, now))
}
