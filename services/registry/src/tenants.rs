//! Which apps a tenant may use, as the tenant service says; remembered for a second.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;
use trinity_proto::tenant::GetTenantRequest;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_rpc::{Channel, Peers};

/// A change reaches this service within this time.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);
const REMEMBERED_TENANTS: u64 = 10_000;

/// The tenant service, as far as this one needs it.
pub(crate) struct Tenants {
    client: TenantServiceClient<Channel>,
    peers: Peers,
    known: Cache<TenantId, Arc<AllowedApps>>,
}

/// The apps of one tenant.
pub(crate) struct AllowedApps(Vec<String>);

impl AllowedApps {
    /// Whether the tenant may see and use the app. A tenant without a list may use every app.
    pub fn contains(&self, slug: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|allowed| allowed == slug)
    }
}

impl Tenants {
    /// # Errors
    /// Names the setting of the peer that is missing.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        let known = Cache::builder().time_to_live(REMEMBERED_FOR).max_capacity(REMEMBERED_TENANTS).build();
        Ok(Self { client: TenantServiceClient::new(peers.channel("tenant")?), peers: peers.clone(), known })
    }

    /// The apps of the caller's tenant.
    ///
    /// # Errors
    /// `Unavailable` when the tenant service is away.
    pub async fn allowed_apps(&self, ctx: &RequestContext) -> Result<Arc<AllowedApps>> {
        let tenant = ctx.tenant()?;
        if let Some(known) = self.known.get(&tenant) {
            return Ok(known);
        }
        let request = self.peers.request(ctx, GetTenantRequest { tenant_id: tenant.to_string() });
        let answer = self.client.clone().get_tenant(request).await?.into_inner();
        let found = answer.tenant.ok_or_else(|| Error::internal("the tenant service answered without a tenant"))?;
        let allowed = Arc::new(AllowedApps(found.allowed_apps));
        self.known.insert(tenant, Arc::clone(&allowed));
        Ok(allowed)
    }

    /// # Errors
    /// `NotFound` when the tenant may not use the app: it cannot be told from one that does not exist.
    pub async fn require_app(&self, ctx: &RequestContext, slug: &str) -> Result<()> {
        if self.allowed_apps(ctx).await?.contains(slug) { Ok(()) } else { Err(Error::not_found("app")) }
    }
}
