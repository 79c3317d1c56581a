//! Tenants as operators of the installation make, see and change them.

use trinity_context::RequestContext;
use trinity_db::{PageRequest, Tx};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use crate::domain::{Changes, NewTenant, Tenant};
use crate::wiring::App;
use crate::{convert, events, store};

/// Creates a tenant with its domains, on the plan `basic`.
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
    store::subscription::insert_first(&mut tx, id).await?;
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
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ListTenantsRequest,
) -> Result<pb::ListTenantsResponse> {
    let page = PageRequest::parse(ctx, &["tenants"], request.page, request.per_page, &request.page_token)?;
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

/// The tenant as this transaction sees it.
pub(super) async fn get_in(tx: &mut Tx, id: TenantId) -> Result<Tenant> {
    store::tenant::find(tx, id).await?.ok_or_else(|| Error::not_found("tenant"))
}

/// The tenant, which nobody else changes until this transaction ends.
pub(super) async fn lock(tx: &mut Tx, id: TenantId) -> Result<Tenant> {
    store::tenant::find_locked(tx, id).await?.ok_or_else(|| Error::not_found("tenant"))
}
