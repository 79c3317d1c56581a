//! Keys and deny-lists from the services that own them.

use std::collections::HashSet;

use async_trait::async_trait;
use trinity_authz::{Directory, JsonWebKey};
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::{SessionId, TenantId};
use trinity_proto::identity::auth_service_client::AuthServiceClient;
use trinity_proto::identity::{GetJwksRequest, ListRevokedSessionsRequest};
use trinity_proto::tenant::ListSuspendedTenantsRequest;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;

use crate::{Channel, Peers};

/// A directory over the identity and tenant services.
pub struct PeerDirectory {
    peers: Peers,
    identity: AuthServiceClient<Channel>,
    tenant: TenantServiceClient<Channel>,
}

impl PeerDirectory {
    /// # Errors
    /// Names the setting of a peer that is missing.
    pub fn new(peers: &Peers) -> anyhow::Result<Self> {
        Ok(Self {
            identity: AuthServiceClient::new(peers.channel("identity")?),
            tenant: TenantServiceClient::new(peers.channel("tenant")?),
            peers: peers.clone(),
        })
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        self.peers.request(&RequestContext::service("directory"), message)
    }
}

#[async_trait]
impl Directory for PeerDirectory {
    async fn keys(&self) -> Result<Vec<JsonWebKey>> {
        let answer = self.identity.clone().get_jwks(self.request(GetJwksRequest {})).await?.into_inner();
        Ok(answer.keys.into_iter().map(|key| JsonWebKey { kid: key.kid, x: key.x }).collect())
    }

    async fn revoked_sessions(&self) -> Result<HashSet<SessionId>> {
        let request = self.request(ListRevokedSessionsRequest {});
        let answer = self.identity.clone().list_revoked_sessions(request).await?.into_inner();
        Ok(answer.session_ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    async fn suspended_tenants(&self) -> Result<HashSet<TenantId>> {
        let request = self.request(ListSuspendedTenantsRequest {});
        let answer = self.tenant.clone().list_suspended_tenants(request).await?.into_inner();
        Ok(answer.tenant_ids.iter().filter_map(|id| id.parse().ok()).collect())
    }
}
