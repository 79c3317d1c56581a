//! Nobody gives, takes or touches what he does not have himself.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{Access, Permissions};
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_ids::TenantId;
use uuid::Uuid;

use crate::domain::{OWNER, Subject};
use crate::error;
use crate::store::access::{Who, load_in};
use crate::store::role;

/// What the caller may do in the whole tenant.
pub fn in_tenant(access: &Access) -> Permissions {
    access.scopes.map_or(access.tenant, |scopes| access.tenant.intersection(scopes))
}

/// Lets the caller change what the guard cannot judge, because no permission word in the whole tenant decides: such writes
/// stop too when the subscription has expired.
///
/// # Errors
/// `PermissionDenied` `SUBSCRIPTION_EXPIRED`.
pub fn require_writable(ctx: &RequestContext) -> Result<()> {
    if ctx.standing()?.writable {
        return Ok(());
    }
    Err(Error::new(
        Code::PermissionDenied,
        "SUBSCRIPTION_EXPIRED",
        "the subscription has expired, so nothing can be changed",
    ))
}

/// Lets the caller concern himself with these permissions.
///
/// # Errors
/// `PermissionDenied` `ROLE_TOO_STRONG`.
pub fn require(has: Permissions, concerned: Permissions) -> Result<()> {
    if has.covers(concerned) { Ok(()) } else { Err(error::role_too_strong()) }
}

/// Lets the caller give or take roles in the whole tenant. They stay as they are until the transaction ends.
///
/// # Errors
/// `InvalidArgument` naming the place of one that does not exist; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn require_roles(tx: &mut PgConnection, ctx: &RequestContext, names: &[String]) -> Result<()> {
    let known = role::permissions(tx, ctx.tenant()?, names).await?;
    if let Some(place) = names.iter().position(|name| !known.contains_key(name)) {
        return Err(Error::invalid(format!("roles[{place}]"), "is not a role"));
    }
    require(in_tenant(ctx.access()?), known.into_values().fold(Permissions::NONE, Permissions::union))
}

/// Lets the caller concern himself with one role, where he has `has`.
///
/// # Errors
/// `InvalidArgument` naming `role` when it does not exist; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn require_role(tx: &mut PgConnection, tenant: TenantId, has: Permissions, name: &str) -> Result<()> {
    let known = role::permissions(tx, tenant, &[name.to_owned()]).await?;
    let permissions = known.get(name).ok_or_else(|| Error::invalid("role", "is not a role"))?;
    require(has, *permissions)?;
    // Why besides: permissions of one's own making may come to as much as the owner's.
    if name == OWNER && !has.has("owner.manage") { Err(error::role_too_strong()) } else { Ok(()) }
}

/// Lets the caller concern himself with all that a subject may do, as when he adds to a group or makes a key.
///
/// # Errors
/// `NotFound` without the subject; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn require_all_of(tx: &mut PgConnection, ctx: &RequestContext, subject: Subject) -> Result<()> {
    let loaded = load_in(tx, ctx.tenant()?, Who::Subject(subject)).await?;
    let theirs = loaded.ok_or_else(|| subject.kind.not_found())?.access;
    if covers(ctx.access()?, &theirs, Utc::now()) { Ok(()) } else { Err(error::role_too_strong()) }
}

/// Whether one may do all that another may, but with what the other owns.
fn covers(own: &Access, theirs: &Access, now: DateTime<Utc>) -> bool {
    let tenant = in_tenant(own);
    let limited = |permissions: Permissions| own.scopes.map_or(permissions, |scopes| permissions.intersection(scopes));
    let in_project = |id: &Uuid| own.projects.get(id).copied().unwrap_or(Permissions::NONE);
    let by_grants = |theirs: &trinity_access::Grant| {
        let same = own.grants.iter().filter(|grant| grant.object == theirs.object && grant.holds(now));
        same.map(|grant| grant.level.permissions()).fold(in_project(&theirs.object.id), Permissions::union)
    };
    tenant.covers(theirs.tenant)
        && theirs.projects.iter().all(|(id, all)| tenant.union(limited(in_project(id))).covers(*all))
        && theirs.grants.iter().all(|grant| tenant.union(limited(by_grants(grant))).covers(grant.level.permissions()))
}
