//! Staff and their ways into tenants.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::staff_service_server::StaffService;

use super::{Answer, Door};
use crate::handlers::{entry, staff, staff_login};

#[tonic::async_trait]
impl StaffService for Door {
    async fn login_staff(&self, request: Request<pb::LoginStaffRequest>) -> Answer<pb::LoginStaffResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(staff_login::login(&self.app, &ctx, request).await?))
    }

    async fn logout_staff(&self, request: Request<pb::LogoutStaffRequest>) -> Answer<pb::LogoutStaffResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(staff_login::logout(&self.app, &ctx).await?))
    }

    async fn create_staff(&self, request: Request<pb::CreateStaffRequest>) -> Answer<pb::CreateStaffResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(staff::create(&self.app, &ctx, request).await?))
    }

    async fn list_staff(&self, request: Request<pb::ListStaffRequest>) -> Answer<pb::ListStaffResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(staff::list(&self.app, &ctx).await?))
    }

    async fn deactivate_staff(
        &self,
        request: Request<pb::DeactivateStaffRequest>,
    ) -> Answer<pb::DeactivateStaffResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(staff::deactivate(&self.app, &ctx, &request).await?))
    }

    async fn enter_tenant(&self, request: Request<pb::EnterTenantRequest>) -> Answer<pb::EnterTenantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(entry::enter(&self.app, &ctx, &request).await?))
    }

    async fn create_first_owner(
        &self,
        request: Request<pb::CreateFirstOwnerRequest>,
    ) -> Answer<pb::CreateFirstOwnerResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(entry::create_first_owner(&self.app, &ctx, request).await?))
    }
}
