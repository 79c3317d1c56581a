//! Environment variables of users.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::environment_service_server::EnvironmentService;

use super::{Answer, Door};
use crate::handlers::environment;

#[tonic::async_trait]
impl EnvironmentService for Door {
    async fn list_variables(&self, request: Request<pb::ListVariablesRequest>) -> Answer<pb::ListVariablesResponse> {
        let (ctx, _) = trinity_rpc::open(request);
        Ok(Response::new(environment::list(&self.app, &ctx).await?))
    }

    async fn set_variable(&self, request: Request<pb::SetVariableRequest>) -> Answer<pb::SetVariableResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(environment::set(&self.app, &ctx, request).await?))
    }

    async fn delete_variable(&self, request: Request<pb::DeleteVariableRequest>) -> Answer<pb::DeleteVariableResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(environment::delete(&self.app, &ctx, &request).await?))
    }

    async fn reveal_variables(
        &self,
        request: Request<pb::RevealVariablesRequest>,
    ) -> Answer<pb::RevealVariablesResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(environment::reveal(&self.app, &ctx, &request).await?))
    }

    async fn destroy_tenant_key(
        &self,
        request: Request<pb::DestroyTenantKeyRequest>,
    ) -> Answer<pb::DestroyTenantKeyResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(environment::destroy_key(&self.app, &ctx, &request).await?))
    }
}
