//! Staff and tenants: the way into one's data, and a new one's first owner.

use std::time::Duration;

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::identity as pb;
use trinity_proto::tenant::GetStandingRequest;

use super::staff_login::own;
use crate::domain::{NewUser, entry_role, password, reason};
use crate::store::staff_session::{self, Entry};
use crate::wiring::App;
use crate::{error, events, store};

const ENTRY_SECONDS: u32 = 15 * 60;

/// Lets the caller into a tenant's data to read, with a reason that the tenant finds in its own trail.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` for an unknown tenant.
pub async fn enter(
    app: &App,
    ctx: &RequestContext,
    request: &pb::EnterTenantRequest,
) -> Result<pb::EnterTenantResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let (reason, role) = (reason(&request.reason)?, entry_role(&request.role)?);
    let (staff, session) = own(ctx)?;
    require_tenant(app, ctx, tenant).await?;

    let ctx = ctx.for_tenant(tenant);
    let lifetime = Duration::from_secs(ENTRY_SECONDS.into());
    let entry = Entry { staff, session, role, reason: &reason, lifetime };
    let mut tx = app.db.begin(&ctx).await?;
    let id = staff_session::enter(&mut tx, tenant, &entry).await?;
    trinity_outbox::write(&mut tx, &ctx, events::staff::entered(tenant, id, role, &reason)).await?;
    let access_token = app.keys.sign_staff(staff, id, Some(tenant), ENTRY_SECONDS)?;
    tx.commit().await?;
    Ok(pb::EnterTenantResponse { access_token, token_type: "Bearer".to_owned(), expires_in: ENTRY_SECONDS })
}

/// Gives a tenant without users its first owner.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` for an unknown tenant; `FailedPrecondition` `TENANT_HAS_USERS`.
pub async fn create_first_owner(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateFirstOwnerRequest,
) -> Result<pb::CreateFirstOwnerResponse> {
    let tenant: TenantId = parse_id("tenant_id", &request.tenant_id)?;
    let new = NewUser::try_from(&request)?;
    password::check(&request.password, &new.email)?;
    require_tenant(app, ctx, tenant).await?;
    let hash = app.passwords.hash(request.password).await?;

    let ctx = ctx.for_tenant(tenant);
    let mut tx = app.db.begin(&ctx).await?;
    let user = store::user::insert_first(&mut tx, tenant, &new, &hash).await?.ok_or_else(error::tenant_has_users)?;
    trinity_outbox::write(&mut tx, &ctx, events::user_created(&user)?).await?;
    tx.commit().await?;
    Ok(pb::CreateFirstOwnerResponse { user: Some(user.into()) })
}

/// Lets on with a tenant that there is.
pub(super) async fn require_tenant(app: &App, ctx: &RequestContext, tenant: TenantId) -> Result<()> {
    let request = app.peers.request(ctx, GetStandingRequest { tenant_id: tenant.to_string() });
    match app.tenants.clone().get_standing(request).await {
        Ok(_) => Ok(()),
        Err(status) if status.code() == tonic::Code::NotFound => Err(Error::not_found("tenant")),
        Err(status) => Err(status.into()),
    }
}
