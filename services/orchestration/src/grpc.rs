//! The doors: one line per RPC, into `handlers`.

mod told;
mod trigger;

use std::sync::Arc;

use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::dead_letter_service_server::DeadLetterService;
use trinity_proto::orchestration::run_service_server::RunService;
use trinity_proto::orchestration::worker_service_server::WorkerService;
use trinity_rpc::open;

use crate::handlers;
use crate::wiring::App;

/// Answers every service.
#[derive(Clone)]
pub struct Door {
    pub app: Arc<App>,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl RunService for Door {
    async fn execute_workflow(
        &self,
        request: Request<pb::ExecuteWorkflowRequest>,
    ) -> Answer<pb::ExecuteWorkflowResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::start::execute(&self.app, &ctx, request).await?))
    }
    async fn execute_job(&self, request: Request<pb::ExecuteJobRequest>) -> Answer<pb::ExecuteJobResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::start::execute_job(&self.app, &ctx, request).await?))
    }
    async fn rerun_run(&self, request: Request<pb::RerunRunRequest>) -> Answer<pb::RerunRunResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::start::rerun(&self.app, &ctx, request).await?))
    }
    async fn get_run(&self, request: Request<pb::GetRunRequest>) -> Answer<pb::GetRunResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::run::get(&self.app, &ctx, request).await?))
    }
    async fn wait_for_run(&self, request: Request<pb::WaitForRunRequest>) -> Answer<pb::WaitForRunResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::run::wait(&self.app, &ctx, request).await?))
    }
    async fn list_runs(&self, request: Request<pb::ListRunsRequest>) -> Answer<pb::ListRunsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::run::list(&self.app, &ctx, request).await?))
    }
    async fn cancel_run(&self, request: Request<pb::CancelRunRequest>) -> Answer<pb::CancelRunResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::control::cancel(&self.app, &ctx, request).await?))
    }
    async fn pause_run(&self, request: Request<pb::PauseRunRequest>) -> Answer<pb::PauseRunResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::control::pause(&self.app, &ctx, request).await?))
    }
    async fn resume_run(&self, request: Request<pb::ResumeRunRequest>) -> Answer<pb::ResumeRunResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::control::resume(&self.app, &ctx, request).await?))
    }
    async fn list_tasks(&self, request: Request<pb::ListTasksRequest>) -> Answer<pb::ListTasksResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::task::list(&self.app, &ctx, request).await?))
    }
    async fn list_logs(&self, request: Request<pb::ListLogsRequest>) -> Answer<pb::ListLogsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::task::list_logs(&self.app, &ctx, request).await?))
    }
    async fn list_workers(&self, request: Request<pb::ListWorkersRequest>) -> Answer<pb::ListWorkersResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::worker::list(&self.app, &ctx, request).await?))
    }
}

#[tonic::async_trait]
impl DeadLetterService for Door {
    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Answer<pb::ListDeadLettersResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::dead_letter::list(&self.app, &ctx, request).await?))
    }
    async fn get_dead_letter(&self, request: Request<pb::GetDeadLetterRequest>) -> Answer<pb::GetDeadLetterResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::dead_letter::get(&self.app, &ctx, request).await?))
    }
    async fn replay_dead_letter(
        &self,
        request: Request<pb::ReplayDeadLetterRequest>,
    ) -> Answer<pb::ReplayDeadLetterResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::dead_letter::replay(&self.app, &ctx, request).await?))
    }
    async fn discard_dead_letter(
        &self,
        request: Request<pb::DiscardDeadLetterRequest>,
    ) -> Answer<pb::DiscardDeadLetterResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::dead_letter::discard(&self.app, &ctx, request).await?))
    }
}

#[tonic::async_trait]
impl WorkerService for Door {
    type ConnectStream = UnboundedReceiverStream<Result<pb::ConnectResponse, Status>>;

    async fn connect(&self, request: Request<Streaming<pb::ConnectRequest>>) -> Answer<Self::ConnectStream> {
        let (_, messages) = open(request);
        Ok(Response::new(handlers::worker::connect(&self.app, messages).await?))
    }
    async fn reveal_secrets(&self, request: Request<pb::RevealSecretsRequest>) -> Answer<pb::RevealSecretsResponse> {
        let (ctx, request) = open(request);
        Ok(Response::new(handlers::worker::reveal(&self.app, &ctx, request).await?))
    }
}
