//! The second step of a login: a code, after the right password.

use tokio::time::Instant;
use trinity_authz::ACCESS_TOKEN_SECONDS;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_proto::identity as pb;

use super::{address, confirm, login};
use crate::domain::{Email, OneTimeToken, Purpose};
use crate::store::{credential, one_time_token};
use crate::wiring::App;
use crate::{error, events};

/// Ends a login with the second factor.
///
/// # Errors
/// `InvalidArgument` for an empty field; `Unauthenticated` `INVALID_MFA_TOKEN` or `INVALID_MFA_CODE`;
/// `PermissionDenied` `TENANT_SUSPENDED`; `ResourceExhausted` `TOO_MANY_ATTEMPTS`.
pub async fn verify(app: &App, ctx: &RequestContext, request: &pb::VerifyMfaRequest) -> Result<pb::VerifyMfaResponse> {
    let started = Instant::now();
    if request.mfa_token.is_empty() {
        return Err(Error::required("mfa_token"));
    }
    if request.code.trim().is_empty() {
        return Err(Error::required("code"));
    }
    let outcome = attempt(app, ctx, request).await;
    if outcome.as_ref().is_err_and(|error| error.code() == Code::Unauthenticated) {
        tokio::time::sleep_until(started + login::REFUSAL_FLOOR).await;
    }
    outcome
}

async fn attempt(app: &App, ctx: &RequestContext, request: &pb::VerifyMfaRequest) -> Result<pb::VerifyMfaResponse> {
    address::admit(app, ctx).await?;
    let token = OneTimeToken::parse(Purpose::Mfa, &request.mfa_token).ok_or_else(error::invalid_mfa_token)?;
    let (tenant, ctx) = (token.tenant, ctx.for_tenant(token.tenant));
    let holder = one_time_token::find(&app.db, &ctx, &token).await?.ok_or_else(error::invalid_mfa_token)?;
    if app.authenticator.standing(tenant).await?.suspended {
        return Err(error::tenant_suspended());
    }

    let id = holder.user_id;
    let mut tx = app.db.begin(&ctx).await?;
    // Invariant: the user's row is locked before his tokens and codes, by everybody, so nobody waits in a ring; and
    // right and wrong codes meet there in one order, like passwords.
    let is_open = credential::lock(&mut tx, tenant, id).await?.is_some_and(|user| !user.is_locked);
    if !is_open || !confirm::spend_code(app, &mut tx, tenant, id, &request.code).await? {
        let email = Email::parse(&holder.email)?;
        trinity_outbox::write(&mut tx, &ctx, events::login_refused(Some(id), &email, "UNAUTHENTICATED")).await?;
        confirm::refuse(tx, &ctx, tenant, id).await?;
        return Err(error::invalid_mfa_code());
    }
    if !one_time_token::spend(&mut tx, &token).await? {
        return Err(error::invalid_mfa_token());
    }
    let user = credential::sign_in(&mut tx, tenant, id).await?;
    let (access_token, refresh) = login::start_session(app, &ctx, &mut tx, &user).await?;
    tx.commit().await?;
    Ok(pb::VerifyMfaResponse {
        access_token,
        refresh_token: refresh.to_text(),
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS,
        user: Some(user.into()),
    })
}
