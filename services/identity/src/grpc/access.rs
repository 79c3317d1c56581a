//! Groups, roles, bindings, grants and decisions.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::access_service_server::AccessService;

use super::{Answer, Door};
use crate::handlers::access::{binding, decide, grant, group, role};

#[tonic::async_trait]
impl AccessService for Door {
    async fn create_group(&self, request: Request<pb::CreateGroupRequest>) -> Answer<pb::CreateGroupResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::create(&self.app, &ctx, &request).await?))
    }

    async fn list_groups(&self, request: Request<pb::ListGroupsRequest>) -> Answer<pb::ListGroupsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::list(&self.app, &ctx, &request).await?))
    }

    async fn get_group(&self, request: Request<pb::GetGroupRequest>) -> Answer<pb::GetGroupResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::get(&self.app, &ctx, &request).await?))
    }

    async fn update_group(&self, request: Request<pb::UpdateGroupRequest>) -> Answer<pb::UpdateGroupResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::update(&self.app, &ctx, &request).await?))
    }

    async fn delete_group(&self, request: Request<pb::DeleteGroupRequest>) -> Answer<pb::DeleteGroupResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::delete(&self.app, &ctx, &request).await?))
    }

    async fn add_group_member(
        &self,
        request: Request<pb::AddGroupMemberRequest>,
    ) -> Answer<pb::AddGroupMemberResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::add_member(&self.app, &ctx, &request).await?))
    }

    async fn remove_group_member(
        &self,
        request: Request<pb::RemoveGroupMemberRequest>,
    ) -> Answer<pb::RemoveGroupMemberResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(group::remove_member(&self.app, &ctx, &request).await?))
    }

    async fn list_permissions(
        &self,
        _request: Request<pb::ListPermissionsRequest>,
    ) -> Answer<pb::ListPermissionsResponse> {
        Ok(Response::new(role::list_permissions()))
    }

    async fn list_roles(&self, request: Request<pb::ListRolesRequest>) -> Answer<pb::ListRolesResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(role::list(&self.app, &ctx).await?))
    }

    async fn create_role(&self, request: Request<pb::CreateRoleRequest>) -> Answer<pb::CreateRoleResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(role::create(&self.app, &ctx, &request).await?))
    }

    async fn update_role(&self, request: Request<pb::UpdateRoleRequest>) -> Answer<pb::UpdateRoleResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(role::update(&self.app, &ctx, &request).await?))
    }

    async fn delete_role(&self, request: Request<pb::DeleteRoleRequest>) -> Answer<pb::DeleteRoleResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(role::delete(&self.app, &ctx, &request).await?))
    }

    async fn create_role_binding(
        &self,
        request: Request<pb::CreateRoleBindingRequest>,
    ) -> Answer<pb::CreateRoleBindingResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(binding::create(&self.app, &ctx, &request).await?))
    }

    async fn list_role_bindings(
        &self,
        request: Request<pb::ListRoleBindingsRequest>,
    ) -> Answer<pb::ListRoleBindingsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(binding::list(&self.app, &ctx, &request).await?))
    }

    async fn delete_role_binding(
        &self,
        request: Request<pb::DeleteRoleBindingRequest>,
    ) -> Answer<pb::DeleteRoleBindingResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(binding::delete(&self.app, &ctx, &request).await?))
    }

    async fn create_grant(&self, request: Request<pb::CreateGrantRequest>) -> Answer<pb::CreateGrantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(grant::create(&self.app, &ctx, &request).await?))
    }

    async fn list_grants(&self, request: Request<pb::ListGrantsRequest>) -> Answer<pb::ListGrantsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(grant::list(&self.app, &ctx, &request).await?))
    }

    async fn delete_grant(&self, request: Request<pb::DeleteGrantRequest>) -> Answer<pb::DeleteGrantResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(grant::delete(&self.app, &ctx, &request).await?))
    }

    async fn check(&self, request: Request<pb::CheckRequest>) -> Answer<pb::CheckResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(decide::check(&self.app, &ctx, &request).await?))
    }

    async fn list_accessible(&self, request: Request<pb::ListAccessibleRequest>) -> Answer<pb::ListAccessibleResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(decide::list_accessible(&self.app, &ctx, &request).await?))
    }

    async fn explain(&self, request: Request<pb::ExplainRequest>) -> Answer<pb::ExplainResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(decide::explain(&self.app, &ctx, request).await?))
    }

    async fn get_access(&self, request: Request<pb::GetAccessRequest>) -> Answer<pb::GetAccessResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(decide::get(&self.app, &ctx, &request).await?))
    }
}
