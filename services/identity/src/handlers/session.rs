//! A person's sessions.

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_proto::identity as pb;

use super::own_session;
use crate::wiring::App;
use crate::{convert, events, store};

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

/// Ends every session of the caller, or every other.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn revoke_all(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RevokeAllSessionsRequest,
) -> Result<pb::RevokeAllSessionsResponse> {
    let keep = if request.keep_current { Some(own_session(ctx)?) } else { None };
    let mut tx = app.db.begin(ctx).await?;
    let revoked = store::session::revoke_all(&mut tx, ctx.tenant()?, ctx.user()?, keep).await?;
    if revoked > 0 {
        trinity_outbox::write(&mut tx, ctx, events::sessions_revoked(ctx.user()?, revoked)).await?;
        tx.commit().await?;
    }
    Ok(pb::RevokeAllSessionsResponse { revoked })
}
