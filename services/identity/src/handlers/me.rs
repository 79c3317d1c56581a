//! The caller, and what roles there are.

use trinity_authz::{ROLES, permissions_of};
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::identity as pb;

use super::own_session;
use crate::store;
use crate::wiring::App;

/// Shows the caller with the permissions that his roles bundle now.
///
/// # Errors
/// `Unauthenticated` when the user is gone or inactive.
pub async fn get(app: &App, ctx: &RequestContext) -> Result<pb::GetMeResponse> {
    let user = store::user::find(&app.db, ctx, ctx.user()?).await?;
    let user = user.filter(|user| user.active).ok_or_else(Error::unauthenticated)?;
    Ok(pb::GetMeResponse {
        permissions: permissions_of(user.roles.names()).into_iter().map(str::to_owned).collect(),
        user: Some(user.into()),
        tenant_id: ctx.tenant()?.to_string(),
        session_id: own_session(ctx)?.to_string(),
    })
}

/// Lists the built-in roles, the strongest first.
pub fn roles() -> pb::ListRolesResponse {
    let role = |role: &trinity_authz::RoleSpec| pb::Role {
        name: role.name.to_owned(),
        description: role.description.to_owned(),
        permissions: role.permissions.iter().map(|&permission| permission.to_owned()).collect(),
    };
    pb::ListRolesResponse { roles: ROLES.iter().map(role).collect() }
}
