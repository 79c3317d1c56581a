//! Setting a new password: knowing the old one, or holding a mailed token.

use std::time::Duration;

use tokio::time::Instant;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::identity as pb;
use trinity_proto::tenant::TenantStatus;

use super::{confirm, login, own_session};
use crate::domain::{Email, Mail, OneTimeToken, Purpose, password};
use crate::store::{credential, one_time_token, session};
use crate::wiring::App;
use crate::{error, events};

const RESET_LIFETIME: Duration = Duration::from_secs(3600);
/// An answer is never sooner: what is done for an address that somebody has takes far less.
const REQUEST_FLOOR: Duration = Duration::from_millis(250);

/// Sets a new password; the caller's other sessions end.
///
/// # Errors
/// `InvalidArgument` naming the field, or `WRONG_PASSWORD`.
pub async fn change(
    app: &App,
    ctx: &RequestContext,
    request: pb::ChangePasswordRequest,
) -> Result<pb::ChangePasswordResponse> {
    let credential = confirm::own(app, ctx).await?;
    let (tenant, session) = (ctx.tenant()?, own_session(ctx)?);
    let email = Email::parse(&credential.email)?;
    password::check_as("new_password", &request.new_password, &email, credential.mfa_enabled)?;
    if request.new_password == request.current_password {
        return Err(Error::invalid("new_password", "is the current one"));
    }
    let is_right = confirm::is_right(app, ctx, &credential, "current_password", request.current_password).await?;
    let hash = if is_right { app.passwords.hash(request.new_password).await? } else { String::new() };

    let (mut tx, user) = confirm::settle(app, ctx, &credential, "current_password", is_right).await?;
    credential::set_password(&mut tx, tenant, user.id, &hash).await?;
    session::revoke_all(&mut tx, tenant, user.id, Some(session)).await?;
    one_time_token::remove(&mut tx, tenant, user.id, &[Purpose::Reset, Purpose::Mfa]).await?;
    app.mailroom.leave(&mut tx, tenant, &notice(&user.email)).await?;
    trinity_outbox::write(&mut tx, ctx, events::account::password_changed(&user)).await?;
    tx.commit().await?;
    app.mailroom.wake();
    Ok(pb::ChangePasswordResponse {})
}

/// Mails a token to who has the address. The answer, and when it comes, is the same whether or not anybody has.
///
/// # Errors
/// `InvalidArgument` for what is no address.
pub async fn request_reset(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RequestPasswordResetRequest,
) -> Result<pb::RequestPasswordResetResponse> {
    let started = Instant::now();
    let email = Email::parse(&request.email)?;
    let outcome = mail_reset(app, ctx, &email, &request.tenant).await;
    tokio::time::sleep_until(started + REQUEST_FLOOR).await;
    outcome.map(|()| pb::RequestPasswordResetResponse {})
}

async fn mail_reset(app: &App, ctx: &RequestContext, email: &Email, slug: &str) -> Result<()> {
    let tenant = login::resolve(app, ctx, slug).await?;
    let Some(tenant) = tenant.filter(|tenant| tenant.status() == TenantStatus::Active) else { return Ok(()) };
    let ctx = ctx.for_tenant(tenant.id.parse().map_err(Error::internal)?);
    let Some(credential) = credential::find(&app.db, &ctx, email).await? else { return Ok(()) };

    let (tenant, user) = (ctx.tenant()?, credential.id);
    let token = OneTimeToken::new(Purpose::Reset, tenant)?;
    let mut tx = app.db.begin(&ctx).await?;
    let is_active = credential::lock(&mut tx, tenant, user).await?.is_some();
    if !is_active || !one_time_token::insert(&mut tx, &token, user, RESET_LIFETIME).await? {
        return Ok(());
    }
    let mail = Mail::with_token(email, &token, RESET_LIFETIME, app.mailroom.public_url());
    app.mailroom.leave(&mut tx, tenant, &mail).await?;
    trinity_outbox::write(&mut tx, &ctx, events::account::reset_requested(user, email)).await?;
    tx.commit().await?;
    app.mailroom.wake();
    Ok(())
}

/// Sets a new password with a mailed token; every session of the user ends, and so does a lock-out. The mail has proven
/// the address too.
///
/// # Errors
/// `InvalidArgument` naming the field, or `INVALID_TOKEN`; `PermissionDenied` `TENANT_SUSPENDED`.
pub async fn reset(
    app: &App,
    ctx: &RequestContext,
    request: pb::ResetPasswordRequest,
) -> Result<pb::ResetPasswordResponse> {
    if request.token.is_empty() {
        return Err(Error::required("token"));
    }
    let token = OneTimeToken::parse(Purpose::Reset, &request.token).ok_or_else(error::invalid_token)?;
    let (tenant, ctx) = (token.tenant, ctx.for_tenant(token.tenant));
    let holder = one_time_token::find(&app.db, &ctx, &token).await?.ok_or_else(error::invalid_token)?;
    let email = Email::parse(&holder.email)?;
    password::check_as("new_password", &request.new_password, &email, holder.mfa_enabled)?;
    if app.authenticator.standing(tenant).await?.suspended {
        return Err(error::tenant_suspended());
    }
    // Why only now: hashing is dear, and strangers have no good token.
    let hash = app.passwords.hash(request.new_password).await?;

    let mut tx = app.db.begin(&ctx).await?;
    let user = credential::lock(&mut tx, tenant, holder.user_id).await?.ok_or_else(error::invalid_token)?;
    // Why: the shorter password was allowed beside a factor that may have gone meanwhile.
    let is_same = user.mfa_enabled == holder.mfa_enabled;
    if !is_same || !one_time_token::spend(&mut tx, &token).await? {
        return Err(error::invalid_token());
    }
    let user = credential::set_password(&mut tx, tenant, holder.user_id, &hash).await?;
    let user = if user.verified { user } else { crate::store::user::set_verified(&mut tx, tenant, user.id).await? };
    session::revoke_all(&mut tx, tenant, user.id, None).await?;
    one_time_token::remove(&mut tx, tenant, user.id, &[Purpose::Reset, Purpose::Mfa]).await?;
    app.mailroom.leave(&mut tx, tenant, &notice(&user.email)).await?;
    trinity_outbox::write(&mut tx, &ctx, events::account::password_reset(&user)).await?;
    tx.commit().await?;
    app.mailroom.wake();
    Ok(pb::ResetPasswordResponse {})
}

fn notice(recipient: &str) -> Mail {
    Mail::notice(recipient, "Your Trinity password", "The password of your Trinity account was changed.")
}
