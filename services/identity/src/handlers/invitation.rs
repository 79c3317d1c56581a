//! Open doors: each for one address, and once.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_access::Permissions;
use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{InvitationId, TenantId};
use trinity_proto::identity as pb;

use super::access::power;
use crate::domain::{
    self, Email, Invitation, Mail, NewUser, OneTimeToken, Purpose, Roles, Subject, SubjectKind, password,
};
use crate::store::access::{Who, load_in};
use crate::store::{invitation, role, seat, user};
use crate::wiring::App;
use crate::{convert, error, events};

const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// Invites an address with roles; an older invitation to it stops.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `EMAIL_TAKEN`; `PermissionDenied` when the caller lacks what he
/// would give.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateInvitationRequest,
) -> Result<pb::CreateInvitationResponse> {
    let email = Email::parse(&request.email)?;
    let roles = Roles::parse(&request.roles)?;
    let (tenant, invited_by) = (ctx.tenant()?, ctx.responsible()?);
    let token = OneTimeToken::new(Purpose::Invite, tenant)?;
    let mut tx = app.db.begin(ctx).await?;
    power::require_roles(&mut tx, ctx, roles.names()).await?;
    if user::has_email(&mut tx, tenant, &email).await? {
        return Err(error::email_taken());
    }
    let invitation = invitation::insert(&mut tx, &token, &email, roles.names(), invited_by, LIFETIME).await?;
    let mail = Mail::with_token(&email, &token, LIFETIME, app.mailroom.public_url());
    app.mailroom.leave(&mut tx, tenant, &mail).await?;
    trinity_outbox::write(&mut tx, ctx, events::account::invited(&invitation)).await?;
    tx.commit().await?;
    app.mailroom.wake();
    Ok(pb::CreateInvitationResponse { invitation: Some(invitation.into()) })
}

/// Lists open invitations, the newest first.
///
/// # Errors
/// `InvalidArgument` for a page that makes no sense.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ListInvitationsRequest,
) -> Result<pb::ListInvitationsResponse> {
    let page = PageRequest::parse(ctx, &["invitations"], request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let page = invitation::list(&mut tx, ctx.tenant()?, page).await?;
    Ok(convert::invitation_page(page))
}

/// Takes an open invitation back.
///
/// # Errors
/// `NotFound`.
pub async fn revoke(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RevokeInvitationRequest,
) -> Result<pb::RevokeInvitationResponse> {
    let id: InvitationId = parse_id("invitation_id", &request.invitation_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let email = invitation::revoke(&mut tx, ctx.tenant()?, id).await?.ok_or_else(|| Error::not_found("invitation"))?;
    trinity_outbox::write(&mut tx, ctx, events::account::invitation_revoked(id.to_string(), email)).await?;
    tx.commit().await?;
    Ok(pb::RevokeInvitationResponse {})
}

/// Makes the invited user. The mail has proven the address.
///
/// # Errors
/// `InvalidArgument` naming the field, or `INVALID_TOKEN`; `AlreadyExists` `EMAIL_TAKEN` or `USERNAME_TAKEN`;
/// `ResourceExhausted` `SEAT_LIMIT_REACHED`; `PermissionDenied` `TENANT_SUSPENDED` or `SUBSCRIPTION_EXPIRED`. The
/// invitation stays open after each of them.
pub async fn accept(
    app: &App,
    ctx: &RequestContext,
    request: pb::AcceptInvitationRequest,
) -> Result<pb::AcceptInvitationResponse> {
    if request.token.is_empty() {
        return Err(Error::required("token"));
    }
    let token = OneTimeToken::parse(Purpose::Invite, &request.token).ok_or_else(error::invalid_token)?;
    let (tenant, ctx) = (token.tenant, ctx.for_tenant(token.tenant));
    let invitation = invitation::find(&app.db, &ctx, &token).await?.ok_or_else(error::invalid_token)?;
    let mut new = new_user(&invitation, &request)?;
    password::check(&request.password, &new.email)?;
    let standing = app.authenticator.standing(tenant).await?;
    if standing.suspended {
        return Err(error::tenant_suspended());
    }
    if !standing.writable {
        return Err(error::subscription_expired());
    }
    // Why only now: hashing is dear, and strangers have no good token.
    let hash = app.passwords.hash(request.password).await?;

    let mut tx = app.db.begin(&ctx).await?;
    if !invitation::spend(&mut tx, &token).await? {
        return Err(error::invalid_token());
    }
    new.roles = still_given(&mut tx, tenant, &invitation).await?;
    seat::take(&mut tx, tenant, standing.limits.seats).await?;
    let user = user::insert(&mut tx, tenant, &new, &hash).await?;
    let user = user::set_verified(&mut tx, tenant, user.id).await?;
    let events = events::account::invitation_accepted(tenant, &invitation, &user)?;
    trinity_outbox::write_all(&mut tx, &ctx, events).await?;
    tx.commit().await?;
    Ok(pb::AcceptInvitationResponse { user: Some(user.into()) })
}

/// The roles that an invitation still gives: those that the tenant still has, if who invited still may give them.
async fn still_given(tx: &mut PgConnection, tenant: TenantId, invitation: &Invitation) -> Result<Roles> {
    let known = role::permissions(tx, tenant, &invitation.roles).await?;
    let names: Vec<_> = invitation.roles.iter().filter(|name| known.contains_key(*name)).cloned().collect();
    let inviter = Subject { kind: SubjectKind::User, id: invitation.invited_by.uuid() };
    let loaded = load_in(tx, tenant, Who::Subject(inviter)).await?.ok_or_else(error::invalid_token)?;
    let given = known.into_values().fold(Permissions::NONE, Permissions::union);
    if !power::in_tenant(&loaded.access).covers(given) {
        return Err(error::invalid_token());
    }
    Roles::parse(&names)
}

fn new_user(invitation: &Invitation, request: &pb::AcceptInvitationRequest) -> Result<NewUser> {
    Ok(NewUser {
        email: Email::parse(&invitation.email)?,
        username: domain::username(&request.username)?,
        full_name: domain::full_name(&request.full_name)?,
        roles: Roles::stored(invitation.roles.clone()),
    })
}
