//! The people of a tenant.

use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::UserId;
use trinity_proto::identity as pb;

use super::access::power;
use crate::domain::{Changes, NewUser, Roles, Subject, SubjectKind, password};
use crate::wiring::App;
use crate::{convert, error, events, store};

/// Adds a user to the caller's tenant.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `EMAIL_TAKEN` or `USERNAME_TAKEN`; `PermissionDenied`
/// `ROLE_TOO_STRONG`; `ResourceExhausted` `SEAT_LIMIT_REACHED`.
pub async fn create(app: &App, ctx: &RequestContext, request: pb::CreateUserRequest) -> Result<pb::CreateUserResponse> {
    let new = NewUser::try_from(&request)?;
    password::check(&request.password, &new.email)?;
    let hash = app.passwords.hash(request.password).await?;
    let mut tx = app.db.begin(ctx).await?;
    power::require_roles(&mut tx, ctx, named(&request.roles, &new.roles)).await?;
    store::seat::take(&mut tx, ctx.tenant()?, ctx.standing()?.limits.seats).await?;
    let user = store::user::insert(&mut tx, ctx.tenant()?, &new, &hash).await?;
    trinity_outbox::write(&mut tx, ctx, events::user_created(&user)?).await?;
    tx.commit().await?;
    Ok(pb::CreateUserResponse { user: Some(user.into()) })
}

/// Shows a user of the caller's tenant.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: &pb::GetUserRequest) -> Result<pb::GetUserResponse> {
    let id = parse_id("user_id", &request.user_id)?;
    let user = store::user::find(&app.db, ctx, id).await?.ok_or_else(|| Error::not_found("user"))?;
    Ok(pb::GetUserResponse { user: Some(user.into()) })
}

/// Lists the users of the caller's tenant by e-mail.
///
/// # Errors
/// `InvalidArgument` for a page that makes no sense.
pub async fn list(app: &App, ctx: &RequestContext, request: &pb::ListUsersRequest) -> Result<pb::ListUsersResponse> {
    let page = PageRequest::parse(ctx, &["users"], request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let page = store::user::list(&mut tx, ctx.tenant()?, page).await?;
    Ok(convert::user_page(page))
}

/// Changes a user. Whoever loses a role or is made inactive loses his sessions too.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`; `Aborted` when it was changed since `version`; `PermissionDenied`
/// `ROLE_TOO_STRONG`; `FailedPrecondition` `LAST_OWNER`; `ResourceExhausted` `SEAT_LIMIT_REACHED`.
pub async fn update(app: &App, ctx: &RequestContext, request: pb::UpdateUserRequest) -> Result<pb::UpdateUserResponse> {
    let id: UserId = parse_id("user_id", &request.user_id)?;
    let asked = request.roles.clone();
    let changes = Changes::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    // Invariant: owners are locked before the user himself, by everybody, so nobody waits in a ring.
    let owners =
        if changes.concern_power() { store::user::lock_active_owners(&mut tx, tenant).await? } else { Vec::new() };
    let before = store::user::find_locked(&mut tx, tenant, id).await?.ok_or_else(|| Error::not_found("user"))?;
    if changes.version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("user"));
    }
    if let Some(roles) = &changes.roles {
        power::require_roles(&mut tx, ctx, named(&asked, roles)).await?;
    }
    if changes.concern_power() {
        power::require_all_of(&mut tx, ctx, Subject { kind: SubjectKind::User, id: id.uuid() }).await?;
    }
    if changes.end_ownership() && owners == [id] {
        return Err(error::last_owner());
    }
    if changes.active == Some(true) && !before.active {
        store::seat::take(&mut tx, tenant, ctx.standing()?.limits.seats).await?;
    }
    let after = store::user::update(&mut tx, tenant, id, &changes).await?;
    if changes.weaken(&before) {
        store::session::revoke_all(&mut tx, tenant, id, None).await?;
    }
    trinity_outbox::write(&mut tx, ctx, events::user_updated(&before, &after)?).await?;
    tx.commit().await?;
    Ok(pb::UpdateUserResponse { user: Some(after.into()) })
}

/// The roles as they were asked for, so that a refusal names the right place; the default ones were not.
fn named<'r>(asked: &'r [String], roles: &'r Roles) -> &'r [String] {
    if asked.is_empty() { roles.names() } else { asked }
}
