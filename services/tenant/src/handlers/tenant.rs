//! Tenants as operators of the installation see them.

use trinity_context::RequestContext;
use trinity_db::{PageRequest, Tx};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use crate::domain::{Changes, NewTenant, Status, Tenant, text};
use crate::wiring::App;
use crate::{convert, events, store};

/// How long the reason of a suspension may be, in characters.
const MAX_REASON_CHARS: usize = 500;

/// Creates a tenant with its domains.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `SLUG_TAKEN` or `DOMAIN_TAKEN`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateTenantRequest,
) -> Result<pb::CreateTenantResponse> {
    let new = NewTenant::try_from(request)?;
    let id = TenantId::new();
    let ctx = ctx.for_tenant(id);
    let mut tx = app.db.begin(&ctx).await?;
    store::tenant::insert(&mut tx, id, &new).await?;
    store::domain::insert(&mut tx, id, &new.domains).await?;
    let tenant = get_in(&mut tx, id).await?;
    trinity_outbox::write(&mut tx, &ctx, events::created(&tenant)?).await?;
    tx.commit().await?;
    Ok(pb::CreateTenantResponse { tenant: Some(tenant.into()) })
}

/// Shows a tenant.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: &pb::GetTenantRequest) -> Result<pb::GetTenantResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let mut tx = app.db.begin(&ctx.for_tenant(id)).await?;
    let tenant = get_in(&mut tx, id).await?;
    Ok(pb::GetTenantResponse { tenant: Some(tenant.into()) })
}

/// Lists all tenants by name.
///
/// # Errors
/// `InvalidArgument` for a page that makes no sense.
pub async fn list(app: &App, request: &pb::ListTenantsRequest) -> Result<pb::ListTenantsResponse> {
    let page = PageRequest::parse(request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin_system("list-tenants").await?;
    let page = store::tenant::list(&mut tx, page).await?;
    Ok(convert::tenant_page(page))
}

/// Changes a tenant.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`; `Aborted` when it was changed since `version`.
pub async fn update(
    app: &App,
    ctx: &RequestContext,
    request: pb::UpdateTenantRequest,
) -> Result<pb::UpdateTenantResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let changes = Changes::try_from(request)?;
    let ctx = ctx.for_tenant(id);
    let mut tx = app.db.begin(&ctx).await?;
    let before = lock(&mut tx, id).await?;
    if changes.version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("tenant"));
    }
    store::tenant::update(&mut tx, id, &changes).await?;
    let after = get_in(&mut tx, id).await?;
    trinity_outbox::write(&mut tx, &ctx, events::changed("tenant.update", &before, &after)?).await?;
    tx.commit().await?;
    Ok(pb::UpdateTenantResponse { tenant: Some(after.into()) })
}

/// Suspends a tenant. A tenant that is suspended already stays as it is.
///
/// # Errors
/// `InvalidArgument` for a reason that is too long; `NotFound`.
pub async fn suspend(
    app: &App,
    ctx: &RequestContext,
    request: pb::SuspendTenantRequest,
) -> Result<pb::SuspendTenantResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let reason = text("reason", &request.reason, MAX_REASON_CHARS)?;
    let tenant = set_status(app, ctx, id, Status::Suspended, &reason).await?;
    Ok(pb::SuspendTenantResponse { tenant: Some(tenant.into()) })
}

/// Lets a suspended tenant in again. A tenant that is active already stays as it is.
///
/// # Errors
/// `NotFound`.
pub async fn resume(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ResumeTenantRequest,
) -> Result<pb::ResumeTenantResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let tenant = set_status(app, ctx, id, Status::Active, "").await?;
    Ok(pb::ResumeTenantResponse { tenant: Some(tenant.into()) })
}

async fn set_status(app: &App, ctx: &RequestContext, id: TenantId, status: Status, reason: &str) -> Result<Tenant> {
    let action = match status {
        Status::Active => "tenant.resume",
        Status::Suspended => "tenant.suspend",
    };
    let ctx = ctx.for_tenant(id);
    let mut tx = app.db.begin(&ctx).await?;
    let before = lock(&mut tx, id).await?;
    if before.status == status {
        return Ok(before);
    }
    store::tenant::set_status(&mut tx, id, status, reason).await?;
    let after = get_in(&mut tx, id).await?;
    trinity_outbox::write(&mut tx, &ctx, events::changed(action, &before, &after)?).await?;
    tx.commit().await?;
    Ok(after)
}

async fn get_in(tx: &mut Tx, id: TenantId) -> Result<Tenant> {
    store::tenant::find(tx, id).await?.ok_or_else(|| Error::not_found("tenant"))
}

async fn lock(tx: &mut Tx, id: TenantId) -> Result<Tenant> {
    store::tenant::find_locked(tx, id).await?.ok_or_else(|| Error::not_found("tenant"))
}
