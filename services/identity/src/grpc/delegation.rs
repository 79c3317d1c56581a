//! What is done in somebody's name while he is away.

use tonic::{Request, Response};
use trinity_proto::identity as pb;
use trinity_proto::identity::delegation_service_server::DelegationService;

use super::{Answer, Door};
use crate::handlers::access::decide;

#[tonic::async_trait]
impl DelegationService for Door {
    async fn check_user(&self, request: Request<pb::CheckUserRequest>) -> Answer<pb::CheckUserResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(decide::check_user(&self.app, &ctx, &request).await?))
    }
}
