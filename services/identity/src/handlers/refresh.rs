//! Going on with a session when its access token expires.

use trinity_authz::ACCESS_TOKEN_SECONDS;
use trinity_context::RequestContext;
use trinity_db::Tx;
use trinity_error::{Error, Result};
use trinity_proto::identity as pb;

use super::login::client;
use crate::domain::RefreshToken;
use crate::store::session;
use crate::wiring::App;
use crate::{error, events};

/// Exchanges a refresh token for its successor and a new access token.
///
/// The same token presented at once, or within a short grace, has the same successor. A token spent before that ends the
/// session: somebody else has a copy.
///
/// # Errors
/// `InvalidArgument` for an empty token; `Unauthenticated` `INVALID_REFRESH_TOKEN`; `PermissionDenied`
/// `TENANT_SUSPENDED`.
pub async fn refresh(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RefreshTokenRequest,
) -> Result<pb::RefreshTokenResponse> {
    if request.refresh_token.is_empty() {
        return Err(Error::required("refresh_token"));
    }
    let token = RefreshToken::parse(&request.refresh_token).ok_or_else(error::invalid_refresh_token)?;
    let ctx = ctx.for_tenant(token.tenant);
    let next = token.successor(&app.successors);
    let mut tx = app.db.begin(&ctx).await?;
    let Some(user) = session::rotate(&mut tx, &token, &next, client(&ctx)).await? else {
        return Err(end_if_reused(app, &ctx, tx, &token).await?);
    };
    if app.authenticator.standing(token.tenant).await?.suspended {
        return Err(error::tenant_suspended());
    }
    let access_token = app.keys.sign(token.tenant, &user, token.session)?;
    tx.commit().await?;
    Ok(pb::RefreshTokenResponse {
        access_token,
        refresh_token: next.to_text(),
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS,
        user: Some(user.into()),
    })
}

/// Ends the session when `token` was good once, not when it was made up. Gives the answer, which is the same.
async fn end_if_reused(app: &App, ctx: &RequestContext, mut tx: Tx, token: &RefreshToken) -> Result<Error> {
    let family = session::find_family_locked(&mut tx, token.tenant, token.session).await?;
    if let Some(family) = family
        && token.leads_to(&family.token_digest, family.rotations, &app.successors)
    {
        session::revoke(&mut tx, token.tenant, family.user_id, token.session).await?;
        trinity_outbox::write(&mut tx, ctx, events::token_reused(token.session, family.user_id)).await?;
        tx.commit().await?;
    }
    Ok(error::invalid_refresh_token())
}
