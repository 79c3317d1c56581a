//! A tenant service of the tests' own: it knows which apps a tenant may use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use trinity_proto::tenant as pb;
use trinity_proto::tenant::tenant_service_server::TenantService;

/// Tenants that are not in the map may use every app.
#[derive(Clone, Default)]
pub struct FakeTenants {
    pub allowed_apps: Arc<Mutex<HashMap<String, Vec<String>>>>,
}

type Answer<T> = Result<Response<T>, Status>;

fn not_needed<T>() -> Answer<T> {
    Err(Status::unimplemented("the registry does not call this"))
}

#[tonic::async_trait]
impl TenantService for FakeTenants {
    async fn get_tenant(&self, request: Request<pb::GetTenantRequest>) -> Answer<pb::GetTenantResponse> {
        let id = request.into_inner().tenant_id;
        let allowed_apps = self.allowed_apps.lock().unwrap().get(&id).cloned().unwrap_or_default();
        let tenant = pb::Tenant { id, allowed_apps, ..pb::Tenant::default() };
        Ok(Response::new(pb::GetTenantResponse { tenant: Some(tenant) }))
    }

    async fn get_current_tenant(
        &self,
        _: Request<pb::GetCurrentTenantRequest>,
    ) -> Answer<pb::GetCurrentTenantResponse> {
        not_needed()
    }
    async fn create_tenant(&self, _: Request<pb::CreateTenantRequest>) -> Answer<pb::CreateTenantResponse> {
        not_needed()
    }
    async fn list_tenants(&self, _: Request<pb::ListTenantsRequest>) -> Answer<pb::ListTenantsResponse> {
        not_needed()
    }
    async fn update_tenant(&self, _: Request<pb::UpdateTenantRequest>) -> Answer<pb::UpdateTenantResponse> {
        not_needed()
    }
    async fn suspend_tenant(&self, _: Request<pb::SuspendTenantRequest>) -> Answer<pb::SuspendTenantResponse> {
        not_needed()
    }
    async fn resume_tenant(&self, _: Request<pb::ResumeTenantRequest>) -> Answer<pb::ResumeTenantResponse> {
        not_needed()
    }
    async fn resolve_tenant(&self, _: Request<pb::ResolveTenantRequest>) -> Answer<pb::ResolveTenantResponse> {
        not_needed()
    }
    async fn list_suspended_tenants(
        &self,
        _: Request<pb::ListSuspendedTenantsRequest>,
    ) -> Answer<pb::ListSuspendedTenantsResponse> {
        not_needed()
    }
}
