//! Bundles of permissions.

use trinity_access::{PERMISSIONS, ROLES};
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::identity as pb;

use super::power;
use crate::domain::{self, description, permissions, role_name};
use crate::wiring::App;
use crate::{convert, error, events, store};

/// Every permission word with what it is for.
pub fn list_permissions() -> pb::ListPermissionsResponse {
    let named = |word: &trinity_access::Permission| pb::Permission {
        name: word.name.to_owned(),
        description: word.description.to_owned(),
    };
    pb::ListPermissionsResponse { permissions: PERMISSIONS.iter().map(named).collect() }
}

/// Lists the built-in roles, the strongest first, then the tenant's own by name.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListRolesResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let own = store::role::list(&mut tx, ctx.tenant()?).await?;
    let roles = ROLES.iter().map(convert::access::built_in).chain(own.into_iter().map(Into::into)).collect();
    Ok(pb::ListRolesResponse { roles })
}

/// Creates a role.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `ROLE_NAME_TAKEN`; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateRoleRequest,
) -> Result<pb::CreateRoleResponse> {
    let (name, description) = (role_name(&request.name)?, description(&request.description)?);
    if request.permissions.is_empty() {
        return Err(Error::required("permissions"));
    }
    let permissions = permissions("permissions", &request.permissions)?;
    if trinity_access::role(&name).is_some() {
        return Err(error::role_name_taken());
    }
    power::require(power::in_tenant(ctx.access()?), permissions)?;
    let mut tx = app.db.begin(ctx).await?;
    let role = store::role::insert(&mut tx, ctx.tenant()?, &name, &description, permissions).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::role_created(&role)).await?;
    tx.commit().await?;
    Ok(pb::CreateRoleResponse { role: Some(role.into()) })
}

/// Changes a role of the tenant's own, and with it what every holder may do.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`; `Aborted` when it was changed since `version`; `PermissionDenied`
/// `ROLE_TOO_STRONG`; `FailedPrecondition` `BUILT_IN_ROLE`.
pub async fn update(
    app: &App,
    ctx: &RequestContext,
    request: &pb::UpdateRoleRequest,
) -> Result<pb::UpdateRoleResponse> {
    let tenant = ctx.tenant()?;
    let version = request.version.map(convert::version).transpose()?;
    let description = request.description.as_deref().map(description).transpose()?;
    let permissions = match request.permissions.as_slice() {
        [] => None,
        words => Some(permissions("permissions", words)?),
    };
    let mut tx = app.db.begin(ctx).await?;
    let before = lock_own(&mut tx, ctx, &request.name).await?;
    if version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("role"));
    }
    if let Some(permissions) = permissions {
        power::require(power::in_tenant(ctx.access()?), permissions)?;
    }
    let after = store::role::update(&mut tx, tenant, &before.name, description.as_deref(), permissions).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::role_updated(&before, &after)).await?;
    tx.commit().await?;
    Ok(pb::UpdateRoleResponse { role: Some(after.into()) })
}

/// Deletes a role of the tenant's own with its bindings.
///
/// # Errors
/// `NotFound`; `PermissionDenied` `ROLE_TOO_STRONG`; `FailedPrecondition` `BUILT_IN_ROLE`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteRoleRequest,
) -> Result<pb::DeleteRoleResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let role = lock_own(&mut tx, ctx, &request.name).await?;
    store::role::delete(&mut tx, ctx.tenant()?, &role.name).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::role_deleted(&role)).await?;
    tx.commit().await?;
    Ok(pb::DeleteRoleResponse {})
}

/// Locks a role of the tenant's own that gives no more than the caller has.
async fn lock_own(tx: &mut sqlx::PgConnection, ctx: &RequestContext, name: &str) -> Result<domain::CustomRole> {
    if name.is_empty() {
        return Err(Error::required("name"));
    }
    if trinity_access::role(name).is_some() {
        return Err(error::built_in_role());
    }
    let role = store::role::find_locked(tx, ctx.tenant()?, name).await?.ok_or_else(|| Error::not_found("role"))?;
    power::require(power::in_tenant(ctx.access()?), role.permissions)?;
    Ok(role)
}
