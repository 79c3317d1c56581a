//! Tenants, their life, their domains.

use tonic::{Request, Response};
use trinity_proto::tenant as pb;
use trinity_proto::tenant::tenant_service_server::TenantService;
use trinity_rpc::open;

use super::{Answer, Door};
use crate::handlers::{domain, life, lookup, tenant};

#[tonic::async_trait]
impl TenantService for Door {
    async fn get_current_tenant(
        &self,
        request: Request<pb::GetCurrentTenantRequest>,
    ) -> Answer<pb::GetCurrentTenantResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(lookup::current(&self.app, &ctx).await?))
    }

    async fn create_tenant(&self, request: Request<pb::CreateTenantRequest>) -> Answer<pb::CreateTenantResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(tenant::create(&self.app, &ctx, request).await?))
    }

    async fn get_tenant(&self, request: Request<pb::GetTenantRequest>) -> Answer<pb::GetTenantResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(tenant::get(&self.app, &ctx, &request).await?))
    }

    async fn list_tenants(&self, request: Request<pb::ListTenantsRequest>) -> Answer<pb::ListTenantsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(tenant::list(&self.app, &ctx, &request).await?))
    }

    async fn update_tenant(&self, request: Request<pb::UpdateTenantRequest>) -> Answer<pb::UpdateTenantResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(tenant::update(&self.app, &ctx, request).await?))
    }

    async fn suspend_tenant(&self, request: Request<pb::SuspendTenantRequest>) -> Answer<pb::SuspendTenantResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(life::suspend(&self.app, &ctx, request).await?))
    }

    async fn resume_tenant(&self, request: Request<pb::ResumeTenantRequest>) -> Answer<pb::ResumeTenantResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(life::resume(&self.app, &ctx, &request).await?))
    }

    async fn request_erasure(&self, request: Request<pb::RequestErasureRequest>) -> Answer<pb::RequestErasureResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(life::request_erasure(&self.app, &ctx, request).await?))
    }

    async fn cancel_erasure(&self, request: Request<pb::CancelErasureRequest>) -> Answer<pb::CancelErasureResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(life::cancel_erasure(&self.app, &ctx, &request).await?))
    }

    async fn resolve_tenant(&self, request: Request<pb::ResolveTenantRequest>) -> Answer<pb::ResolveTenantResponse> {
        let (_, request) = open(request);
        Ok(Response::new(lookup::resolve(&self.app, &request).await?))
    }

    async fn get_standing(&self, request: Request<pb::GetStandingRequest>) -> Answer<pb::GetStandingResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(lookup::standing(&self.app, &ctx, &request).await?))
    }

    async fn add_domain(&self, request: Request<pb::AddDomainRequest>) -> Answer<pb::AddDomainResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(domain::add(&self.app, &ctx, &request).await?))
    }

    async fn list_domains(&self, request: Request<pb::ListDomainsRequest>) -> Answer<pb::ListDomainsResponse> {
        let (ctx, _) = open(request);
        Ok(Response::new(domain::list(&self.app, &ctx).await?))
    }

    async fn remove_domain(&self, request: Request<pb::RemoveDomainRequest>) -> Answer<pb::RemoveDomainResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(domain::remove(&self.app, &ctx, &request).await?))
    }
}
