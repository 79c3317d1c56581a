//! The contract's door: one line an RPC, into `handlers`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trinity_proto::tenant as pb;
use trinity_proto::tenant::tenant_service_server::TenantService;

use crate::handlers::{lookup, tenant};
use crate::wiring::App;

pub(crate) struct Door {
    pub app: Arc<App>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TenantService for Door {
    async fn get_current_tenant(
        &self,
        request: Request<pb::GetCurrentTenantRequest>,
    ) -> Answer<pb::GetCurrentTenantResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(lookup::current(&self.app, &ctx).await?))
    }

    async fn create_tenant(&self, request: Request<pb::CreateTenantRequest>) -> Answer<pb::CreateTenantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(tenant::create(&self.app, &ctx, request).await?))
    }

    async fn get_tenant(&self, request: Request<pb::GetTenantRequest>) -> Answer<pb::GetTenantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(tenant::get(&self.app, &ctx, &request).await?))
    }

    async fn list_tenants(&self, request: Request<pb::ListTenantsRequest>) -> Answer<pb::ListTenantsResponse> {
        let (_, request) = trinity_rpc::open(request);
        Ok(Response::new(tenant::list(&self.app, &request).await?))
    }

    async fn update_tenant(&self, request: Request<pb::UpdateTenantRequest>) -> Answer<pb::UpdateTenantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(tenant::update(&self.app, &ctx, request).await?))
    }

    async fn suspend_tenant(&self, request: Request<pb::SuspendTenantRequest>) -> Answer<pb::SuspendTenantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(tenant::suspend(&self.app, &ctx, request).await?))
    }

    async fn resume_tenant(&self, request: Request<pb::ResumeTenantRequest>) -> Answer<pb::ResumeTenantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(tenant::resume(&self.app, &ctx, &request).await?))
    }

    async fn resolve_tenant(&self, request: Request<pb::ResolveTenantRequest>) -> Answer<pb::ResolveTenantResponse> {
        let (_, request) = trinity_rpc::open(request);
        Ok(Response::new(lookup::resolve(&self.app, &request).await?))
    }

    async fn list_suspended_tenants(
        &self,
        _request: Request<pb::ListSuspendedTenantsRequest>,
    ) -> Answer<pb::ListSuspendedTenantsResponse> {
        Ok(Response::new(lookup::suspended(&self.app).await?))
    }
}
