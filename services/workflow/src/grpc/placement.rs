//! The door of places.

use tonic::{Request, Response};
use trinity_proto::workflow as pb;
use trinity_proto::workflow::placement_service_server::PlacementService;

use super::{Answer, Door};
use crate::handlers;

#[tonic::async_trait]
impl PlacementService for Door {
    async fn move_workflow(&self, request: Request<pb::MoveWorkflowRequest>) -> Answer<pb::MoveWorkflowResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::placement::move_workflow(&self.app, &ctx, request).await?))
    }

    async fn move_job(&self, request: Request<pb::MoveJobRequest>) -> Answer<pb::MoveJobResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::placement::move_job(&self.app, &ctx, request).await?))
    }

    async fn find_place(&self, request: Request<pb::FindPlaceRequest>) -> Answer<pb::FindPlaceResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::placement::find(&self.app, &ctx, request).await?))
    }

    async fn list_folder_contents(
        &self,
        request: Request<pb::ListFolderContentsRequest>,
    ) -> Answer<pb::ListFolderContentsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::placement::list_contents(&self.app, &ctx, request).await?))
    }
}
