//! The domains of the caller's tenant.

use serde::Serialize;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_proto::tenant as pb;

use super::tenant::lock;
use crate::domain::{HostName, MAX_DOMAINS};
use crate::events::{self, Subject};
use crate::wiring::App;
use crate::{error, store};

/// A domain as the audit trail shows it.
#[derive(Serialize)]
struct Document<'a> {
    domain: &'a str,
}

/// Gives the caller's tenant a domain. One that it has already changes nothing.
///
/// # Errors
/// `InvalidArgument` naming `domain`; `AlreadyExists` `DOMAIN_TAKEN`; `ResourceExhausted` `DOMAIN_LIMIT_REACHED`.
pub async fn add(app: &App, ctx: &RequestContext, request: &pb::AddDomainRequest) -> Result<pb::AddDomainResponse> {
    let domain = HostName::parse("domain", &request.domain)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    lock(&mut tx, tenant).await?;
    // Why another statement: one that waited for the lock still sees the domains from before it waited.
    let own = store::domain::list(&mut tx, tenant).await?;
    if own.iter().any(|name| name == domain.as_str()) {
        return Ok(pb::AddDomainResponse {});
    }
    if own.len() >= MAX_DOMAINS {
        return Err(error::too_many_domains(MAX_DOMAINS));
    }
    store::domain::add(&mut tx, tenant, &domain).await?;
    let document = Document { domain: domain.as_str() };
    trinity_outbox::write(&mut tx, ctx, events::set(about("domain.add", &domain), None, Some(&document))?).await?;
    tx.commit().await?;
    Ok(pb::AddDomainResponse {})
}

/// Lists the domains of the caller's tenant.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListDomainsResponse> {
    let mut tx = app.db.begin(ctx).await?;
    Ok(pb::ListDomainsResponse { domains: store::domain::list(&mut tx, ctx.tenant()?).await? })
}

/// Takes a domain away from the caller's tenant.
///
/// # Errors
/// `InvalidArgument` naming `domain`; `NotFound` when the tenant does not have it, whoever else may.
pub async fn remove(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RemoveDomainRequest,
) -> Result<pb::RemoveDomainResponse> {
    let domain = HostName::parse("domain", &request.domain)?;
    let mut tx = app.db.begin(ctx).await?;
    if !store::domain::delete(&mut tx, ctx.tenant()?, &domain).await? {
        return Err(Error::not_found("domain"));
    }
    let document = Document { domain: domain.as_str() };
    trinity_outbox::write(&mut tx, ctx, events::set(about("domain.remove", &domain), Some(&document), None)?).await?;
    tx.commit().await?;
    Ok(pb::RemoveDomainResponse {})
}

fn about<'a>(action: &'static str, domain: &'a HostName) -> Subject<'a> {
    Subject { action, kind: "domain", id: domain.as_str(), name: domain.as_str() }
}
