//! The door: one line an RPC, into `handlers`.

use tonic::{Request, Response, Status};
use trinity_proto::workflow as pb;
use trinity_proto::workflow::workflow_service_server::WorkflowService;

use crate::app::App;
use crate::handlers;

mod job;
mod placement;

/// What tonic calls.
#[derive(Debug, Clone)]
pub struct Door {
    pub app: App,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl WorkflowService for Door {
    async fn save_canvas(&self, request: Request<pb::SaveCanvasRequest>) -> Answer<pb::SaveCanvasResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::canvas::save(&self.app, &ctx, request).await?))
    }

    async fn get_workflow(&self, request: Request<pb::GetWorkflowRequest>) -> Answer<pb::GetWorkflowResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::workflow::get(&self.app, &ctx, request).await?))
    }

    async fn list_workflows(&self, request: Request<pb::ListWorkflowsRequest>) -> Answer<pb::ListWorkflowsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::workflow::list(&self.app, &ctx, request).await?))
    }

    async fn update_workflow(&self, request: Request<pb::UpdateWorkflowRequest>) -> Answer<pb::UpdateWorkflowResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::workflow::update(&self.app, &ctx, request).await?))
    }

    async fn delete_workflow(&self, request: Request<pb::DeleteWorkflowRequest>) -> Answer<pb::DeleteWorkflowResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::workflow::delete(&self.app, &ctx, request).await?))
    }

    async fn restore_workflow(
        &self,
        request: Request<pb::RestoreWorkflowRequest>,
    ) -> Answer<pb::RestoreWorkflowResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::workflow::restore(&self.app, &ctx, request).await?))
    }

    async fn validate_workflow(
        &self,
        request: Request<pb::ValidateWorkflowRequest>,
    ) -> Answer<pb::ValidateWorkflowResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::version::validate(&self.app, &ctx, request).await?))
    }

    async fn list_versions(&self, request: Request<pb::ListVersionsRequest>) -> Answer<pb::ListVersionsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::version::list(&self.app, &ctx, request).await?))
    }

    async fn get_version(&self, request: Request<pb::GetVersionRequest>) -> Answer<pb::GetVersionResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::version::get(&self.app, &ctx, request).await?))
    }

    async fn check_out(&self, request: Request<pb::CheckOutRequest>) -> Answer<pb::CheckOutResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::check_out::check_out(&self.app, &ctx, request).await?))
    }

    async fn check_in(&self, request: Request<pb::CheckInRequest>) -> Answer<pb::CheckInResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::check_out::check_in(&self.app, &ctx, request).await?))
    }

    async fn get_plan(&self, request: Request<pb::GetPlanRequest>) -> Answer<pb::GetPlanResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::plan::get(&self.app, &ctx, request).await?))
    }

    async fn record_executions(
        &self,
        request: Request<pb::RecordExecutionsRequest>,
    ) -> Answer<pb::RecordExecutionsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::plan::record(&self.app, &ctx, request).await?))
    }
}
