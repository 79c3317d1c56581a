//! A person's second factor: an authenticator app, and recovery codes for when it is lost.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_crypto::TotpSecret;
use trinity_db::Tx;
use trinity_error::{Error, Result};
use trinity_ids::{TenantId, UserId};
use trinity_proto::identity as pb;
use url::form_urlencoded;

use super::confirm;
use crate::domain::{Mail, Purpose, User, password, recovery_code};
use crate::store::{credential, one_time_token, second_factor};
use crate::wiring::App;
use crate::{error, events, vault};

/// Under which name authenticator apps show the account.
const ISSUER: &str = "Trinity";

/// Begins to set up an authenticator app; the password proves that it is the person himself.
///
/// # Errors
/// `InvalidArgument` `WRONG_PASSWORD`; `FailedPrecondition` `MFA_ENABLED`.
pub async fn enroll(app: &App, ctx: &RequestContext, request: pb::EnrollTotpRequest) -> Result<pb::EnrollTotpResponse> {
    let credential = confirm::own(app, ctx).await?;
    let is_right = confirm::is_right(app, ctx, &credential, "password", request.password).await?;
    let (mut tx, user) = confirm::settle(app, ctx, &credential, "password", is_right).await?;
    if user.mfa_enabled {
        return Err(error::mfa_enabled());
    }
    let (tenant, secret) = (ctx.tenant()?, TotpSecret::generate()?);
    let key = vault::current(&mut tx, &app.wrapper, tenant).await?;
    let sealed = key.sealer.seal(&confirm::place(tenant, user.id), secret.bytes())?;
    second_factor::enroll(&mut tx, tenant, user.id, &sealed, key.generation).await?;
    tx.commit().await?;
    let secret = secret.to_base32();
    Ok(pb::EnrollTotpResponse { otpauth_url: otpauth_url(&user.email, &secret), secret })
}

/// Turns the second factor on when a code shows that the app works.
///
/// # Errors
/// `InvalidArgument` `WRONG_CODE`; `FailedPrecondition` `TOTP_NOT_ENROLLED` or `MFA_ENABLED`.
pub async fn confirm(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ConfirmTotpRequest,
) -> Result<pb::ConfirmTotpResponse> {
    let code = required_code(&request.code)?;
    let (tenant, id) = (ctx.tenant()?, ctx.user()?);
    let mut tx = app.db.begin(ctx).await?;
    let user = credential::lock(&mut tx, tenant, id).await?.ok_or_else(Error::unauthenticated)?;
    if user.mfa_enabled {
        return Err(error::mfa_enabled());
    }
    let totp = second_factor::find_locked(&mut tx, tenant, id).await?.ok_or_else(error::totp_not_enrolled)?;
    if !confirm::spend_totp(app, &mut tx, tenant, id, &totp, code).await? {
        return Err(error::wrong_code());
    }
    let recovery_codes = fresh_codes(&mut tx, tenant, id).await?;
    let user = second_factor::set_enabled(&mut tx, tenant, id, true).await?;
    trinity_outbox::write(&mut tx, ctx, events::account::mfa_enabled(&user)).await?;
    tx.commit().await?;
    Ok(pb::ConfirmTotpResponse { recovery_codes })
}

/// Turns the second factor off.
///
/// # Errors
/// `InvalidArgument` `WRONG_PASSWORD` or `WRONG_CODE`; `FailedPrecondition` `MFA_NOT_ENABLED`, or `PASSWORD_TOO_SHORT`
/// when the password would be too short alone.
pub async fn disable(
    app: &App,
    ctx: &RequestContext,
    request: pb::DisableTotpRequest,
) -> Result<pb::DisableTotpResponse> {
    let is_long = password::stands_alone(&request.password);
    let (mut tx, user) = open(app, ctx, request.password, &request.code).await?;
    if !is_long {
        return Err(error::password_too_short_alone());
    }
    let tenant = ctx.tenant()?;
    second_factor::remove(&mut tx, tenant, user.id).await?;
    one_time_token::remove(&mut tx, tenant, user.id, &[Purpose::Mfa]).await?;
    let user = second_factor::set_enabled(&mut tx, tenant, user.id, false).await?;
    let what = "The second factor of your Trinity account was turned off.";
    app.mailroom.leave(&mut tx, tenant, &Mail::notice(&user.email, "Your Trinity account", what)).await?;
    trinity_outbox::write(&mut tx, ctx, events::account::mfa_disabled(&user)).await?;
    tx.commit().await?;
    app.mailroom.wake();
    Ok(pb::DisableTotpResponse {})
}

/// Replaces the recovery codes; the old ones stop.
///
/// # Errors
/// `InvalidArgument` `WRONG_PASSWORD` or `WRONG_CODE`; `FailedPrecondition` `MFA_NOT_ENABLED`.
pub async fn replace_recovery_codes(
    app: &App,
    ctx: &RequestContext,
    request: pb::ReplaceRecoveryCodesRequest,
) -> Result<pb::ReplaceRecoveryCodesResponse> {
    let (mut tx, user) = open(app, ctx, request.password, &request.code).await?;
    let recovery_codes = fresh_codes(&mut tx, ctx.tenant()?, user.id).await?;
    trinity_outbox::write(&mut tx, ctx, events::account::recovery_codes_replaced(&user)).await?;
    tx.commit().await?;
    Ok(pb::ReplaceRecoveryCodesResponse { recovery_codes })
}

/// Opens a transaction for the caller who gave password and code; wrong ones are counted as at a login.
async fn open(app: &App, ctx: &RequestContext, password: String, code: &str) -> Result<(Tx, User)> {
    let code = required_code(code)?;
    let credential = confirm::own(app, ctx).await?;
    let is_right = confirm::is_right(app, ctx, &credential, "password", password).await?;
    let (mut tx, user) = confirm::settle(app, ctx, &credential, "password", is_right).await?;
    if !user.mfa_enabled {
        return Err(error::mfa_not_enabled());
    }
    let tenant = ctx.tenant()?;
    if !confirm::spend_code(app, &mut tx, tenant, user.id, code).await? {
        confirm::refuse(tx, ctx, tenant, user.id).await?;
        return Err(error::wrong_code());
    }
    Ok((tx, user))
}

async fn fresh_codes(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<Vec<String>> {
    let codes = recovery_code::generate()?;
    let digests: Vec<_> = codes.iter().map(|code| recovery_code::digest_of(user, code)).collect();
    second_factor::replace_recovery_codes(tx, tenant, user, &digests).await?;
    Ok(codes)
}

fn required_code(code: &str) -> Result<&str> {
    let code = code.trim();
    if code.is_empty() { Err(Error::required("code")) } else { Ok(code) }
}

/// Source: <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>.
fn otpauth_url(email: &str, secret: &str) -> String {
    let account: String = form_urlencoded::byte_serialize(email.as_bytes()).collect();
    format!("otpauth://totp/{ISSUER}:{account}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30")
}
