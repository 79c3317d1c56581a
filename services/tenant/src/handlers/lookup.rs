//! Tenants as other services and their own people ask for them.

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_proto::tenant as pb;

use crate::domain::{HostName, Slug};
use crate::store;
use crate::wiring::App;

/// Shows the caller's own tenant.
///
/// # Errors
/// `NotFound` when it was erased.
pub async fn current(app: &App, ctx: &RequestContext) -> Result<pb::GetCurrentTenantResponse> {
    let tenant = store::tenant::find_own(&app.db, ctx).await?.ok_or_else(|| Error::not_found("tenant"))?;
    Ok(pb::GetCurrentTenantResponse { tenant: Some(tenant.into()) })
}

/// Finds a tenant by slug, or else by domain. What cannot be a slug or a domain finds nothing.
///
/// # Errors
/// `NotFound`.
pub async fn resolve(app: &App, request: &pb::ResolveTenantRequest) -> Result<pb::ResolveTenantResponse> {
    let slug = Slug::parse(&request.slug.to_lowercase()).ok();
    let domain = HostName::parse("domain", &request.domain).ok();
    let mut tx = app.db.begin_system("resolve-tenant").await?;
    let mut found = None;
    if let Some(slug) = slug {
        found = store::tenant::find_by_slug(&mut tx, &slug).await?;
    }
    if let (None, Some(domain)) = (&found, domain) {
        found = store::tenant::find_by_domain(&mut tx, &domain).await?;
    }
    let tenant = found.ok_or_else(|| Error::not_found("tenant"))?;
    Ok(pb::ResolveTenantResponse { tenant: Some(tenant.into()) })
}

/// What every service needs to know of a tenant at each call.
///
/// # Errors
/// `NotFound`.
pub async fn standing(
    app: &App,
    ctx: &RequestContext,
    request: &pb::GetStandingRequest,
) -> Result<pb::GetStandingResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let standing = store::standing::find(&app.db, &ctx.for_tenant(id)).await?;
    Ok(standing.ok_or_else(|| Error::not_found("tenant"))?.into())
}
