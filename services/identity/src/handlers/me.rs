//! The caller.

use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::identity as pb;

use super::own_session;
use crate::store;
use crate::wiring::App;

/// Shows the caller with what he may do in the whole tenant.
///
/// # Errors
/// `Unauthenticated` when the user is gone or inactive.
pub async fn get(app: &App, ctx: &RequestContext) -> Result<pb::GetMeResponse> {
    let user = store::user::find(&app.db, ctx, ctx.user()?).await?;
    let user = user.filter(|user| user.active).ok_or_else(Error::unauthenticated)?;
    Ok(pb::GetMeResponse {
        permissions: ctx.access()?.tenant.names().map(str::to_owned).collect(),
        user: Some(user.into()),
        tenant_id: ctx.tenant()?.to_string(),
        session_id: own_session(ctx)?.to_string(),
    })
}
