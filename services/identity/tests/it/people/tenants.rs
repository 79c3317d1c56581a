//! A tenant service that only knows names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;
use trinity_proto::tenant::tenant_service_server::TenantService;

#[derive(Clone, Default)]
pub struct Tenants(Arc<Mutex<HashMap<String, (TenantId, bool)>>>);

impl Tenants {
    pub fn add(&self, slug: &str) -> TenantId {
        let tenant = TenantId::new();
        self.0.lock().unwrap().insert(slug.to_owned(), (tenant, false));
        tenant
    }

    pub fn suspend(&self, tenant: TenantId, suspended: bool) {
        self.0.lock().unwrap().values_mut().filter(|known| known.0 == tenant).for_each(|known| known.1 = suspended);
    }
}

macro_rules! tenant_service {
    ($($name:ident($request:ident) -> $response:ident),+ $(,)?) => {
        #[tonic::async_trait]
        impl TenantService for Tenants {
            async fn resolve_tenant(
                &self,
                request: Request<pb::ResolveTenantRequest>,
            ) -> Result<Response<pb::ResolveTenantResponse>, Status> {
                let slug = request.into_inner().slug;
                let (id, suspended) =
                    self.0.lock().unwrap().get(&slug).copied().ok_or_else(|| Status::not_found("no such tenant"))?;
                let status = if suspended { pb::TenantStatus::Suspended } else { pb::TenantStatus::Active };
                let tenant = pb::Tenant { id: id.to_string(), slug, status: status.into(), ..Default::default() };
                Ok(Response::new(pb::ResolveTenantResponse { tenant: Some(tenant) }))
            }

            $(async fn $name(&self, _: Request<pb::$request>) -> Result<Response<pb::$response>, Status> {
                Err(Status::unimplemented("identity has no need of it"))
            })+
        }
    };
}

tenant_service! {
    get_current_tenant(GetCurrentTenantRequest) -> GetCurrentTenantResponse,
    create_tenant(CreateTenantRequest) -> CreateTenantResponse,
    get_tenant(GetTenantRequest) -> GetTenantResponse,
    list_tenants(ListTenantsRequest) -> ListTenantsResponse,
    update_tenant(UpdateTenantRequest) -> UpdateTenantResponse,
    suspend_tenant(SuspendTenantRequest) -> SuspendTenantResponse,
    resume_tenant(ResumeTenantRequest) -> ResumeTenantResponse,
    request_erasure(RequestErasureRequest) -> RequestErasureResponse,
    cancel_erasure(CancelErasureRequest) -> CancelErasureResponse,
    add_domain(AddDomainRequest) -> AddDomainResponse,
    list_domains(ListDomainsRequest) -> ListDomainsResponse,
    remove_domain(RemoveDomainRequest) -> RemoveDomainResponse,
    get_standing(GetStandingRequest) -> GetStandingResponse,
}
