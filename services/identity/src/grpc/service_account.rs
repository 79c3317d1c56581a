//! Service accounts and API keys.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::service_account_service_server::ServiceAccountService;

use super::{Answer, Door};
use crate::handlers::{api_key, service_account};

#[tonic::async_trait]
impl ServiceAccountService for Door {
    async fn create_service_account(
        &self,
        request: Request<pb::CreateServiceAccountRequest>,
    ) -> Answer<pb::CreateServiceAccountResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(service_account::create(&self.app, &ctx, &request).await?))
    }

    async fn list_service_accounts(
        &self,
        request: Request<pb::ListServiceAccountsRequest>,
    ) -> Answer<pb::ListServiceAccountsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(service_account::list(&self.app, &ctx, &request).await?))
    }

    async fn delete_service_account(
        &self,
        request: Request<pb::DeleteServiceAccountRequest>,
    ) -> Answer<pb::DeleteServiceAccountResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(service_account::delete(&self.app, &ctx, &request).await?))
    }

    async fn create_api_key(&self, request: Request<pb::CreateApiKeyRequest>) -> Answer<pb::CreateApiKeyResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(api_key::create(&self.app, &ctx, &request).await?))
    }

    async fn list_api_keys(&self, request: Request<pb::ListApiKeysRequest>) -> Answer<pb::ListApiKeysResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(api_key::list(&self.app, &ctx, &request).await?))
    }

    async fn revoke_api_key(&self, request: Request<pb::RevokeApiKeyRequest>) -> Answer<pb::RevokeApiKeyResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(api_key::revoke(&self.app, &ctx, &request).await?))
    }

    async fn authenticate_api_key(
        &self,
        request: Request<pb::AuthenticateApiKeyRequest>,
    ) -> Answer<pb::AuthenticateApiKeyResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(api_key::authenticate(&self.app, &ctx, &request).await?))
    }
}
