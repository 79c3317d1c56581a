//! A person's sessions, and which ones are over.

use std::time::Duration;

use trinity_authz::ACCESS_TOKEN_SECONDS;
use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_proto::identity as pb;

use super::own_session;
use crate::wiring::App;
use crate::{convert, events, store};

/// Longer than a token lives, by what clocks may differ.
const REVOKED_FOR: Duration = Duration::from_secs(ACCESS_TOKEN_SECONDS as u64 + 60);

/// Ends the caller's session. It may have ended already.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn logout(app: &App, ctx: &RequestContext) -> Result<pb::LogoutResponse> {
    let session = own_session(ctx)?;
    let mut tx = app.db.begin(ctx).await?;
    if store::session::revoke(&mut tx, ctx.tenant()?, ctx.user()?, session).await? {
        trinity_outbox::write(&mut tx, ctx, events::logged_out(session)).await?;
        tx.commit().await?;
    }
    Ok(pb::LogoutResponse {})
}

/// Lists the caller's live sessions, the last used first.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListSessionsResponse> {
    let current = own_session(ctx)?;
    let mut tx = app.db.begin(ctx).await?;
    let sessions = store::session::list(&mut tx, ctx.tenant()?, ctx.user()?).await?;
    Ok(pb::ListSessionsResponse {
        sessions: sessions.into_iter().map(|session| convert::session(session, current)).collect(),
    })
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `NotFound` when the caller has no live session of this id.
pub async fn revoke(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RevokeSessionRequest,
) -> Result<pb::RevokeSessionResponse> {
    let session = parse_id("session_id", &request.session_id)?;
    let mut tx = app.db.begin(ctx).await?;
    if !store::session::revoke(&mut tx, ctx.tenant()?, ctx.user()?, session).await? {
        return Err(Error::not_found("session"));
    }
    trinity_outbox::write(&mut tx, ctx, events::session_revoked(session)).await?;
    tx.commit().await?;
    Ok(pb::RevokeSessionResponse {})
}

/// Lists every session revoked while an access token of its may still live, across tenants.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn revoked(app: &App) -> Result<pb::ListRevokedSessionsResponse> {
    let mut tx = app.db.begin_system("list-revoked").await?;
    let ids = store::session::list_revoked(&mut tx, REVOKED_FOR).await?;
    Ok(pb::ListRevokedSessionsResponse { session_ids: ids.into_iter().map(String::from).collect() })
}
