//! Proving that an address is one's own.

use std::time::Duration;

use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::identity as pb;

use crate::domain::{Email, Mail, OneTimeToken, Purpose};
use crate::store::{credential, one_time_token, user};
use crate::wiring::App;
use crate::{error, events};

const LIFETIME: Duration = Duration::from_secs(3 * 24 * 3600);

/// Mails the caller a token, unless his address is proven, or enough such mails are on their way.
///
/// # Errors
/// `PermissionDenied` for who is no person.
pub async fn request_verification(app: &App, ctx: &RequestContext) -> Result<pb::RequestEmailVerificationResponse> {
    let (tenant, id) = (ctx.tenant()?, ctx.user()?);
    let token = OneTimeToken::new(Purpose::Verify, tenant)?;
    let mut tx = app.db.begin(ctx).await?;
    let user = credential::lock(&mut tx, tenant, id).await?.ok_or_else(Error::unauthenticated)?;
    if !user.verified && one_time_token::insert(&mut tx, &token, id, LIFETIME).await? {
        let mail = Mail::with_token(&Email::parse(&user.email)?, &token, LIFETIME, app.mailroom.public_url());
        app.mailroom.leave(&mut tx, tenant, &mail).await?;
        tx.commit().await?;
        app.mailroom.wake();
    }
    Ok(pb::RequestEmailVerificationResponse {})
}

/// Proves an address with a mailed token.
///
/// # Errors
/// `InvalidArgument` `INVALID_TOKEN`; `PermissionDenied` `TENANT_SUSPENDED`.
pub async fn verify(
    app: &App,
    ctx: &RequestContext,
    request: &pb::VerifyEmailRequest,
) -> Result<pb::VerifyEmailResponse> {
    if request.token.is_empty() {
        return Err(Error::required("token"));
    }
    let token = OneTimeToken::parse(Purpose::Verify, &request.token).ok_or_else(error::invalid_token)?;
    let (tenant, ctx) = (token.tenant, ctx.for_tenant(token.tenant));
    let holder = one_time_token::find(&app.db, &ctx, &token).await?.ok_or_else(error::invalid_token)?;
    if app.authenticator.standing(tenant).await?.suspended {
        return Err(error::tenant_suspended());
    }
    let mut tx = app.db.begin(&ctx).await?;
    credential::lock(&mut tx, tenant, holder.user_id).await?.ok_or_else(error::invalid_token)?;
    if !one_time_token::spend(&mut tx, &token).await? {
        return Err(error::invalid_token());
    }
    one_time_token::remove(&mut tx, tenant, holder.user_id, &[Purpose::Verify]).await?;
    let user = user::set_verified(&mut tx, tenant, holder.user_id).await?;
    trinity_outbox::write(&mut tx, &ctx, events::account::email_verified(&user)).await?;
    tx.commit().await?;
    Ok(pb::VerifyEmailResponse {})
}
