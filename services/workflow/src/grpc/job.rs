//! The door of jobs.

use tonic::{Request, Response};
use trinity_proto::workflow as pb;
use trinity_proto::workflow::job_service_server::JobService;

use super::{Answer, Door};
use crate::handlers;

#[tonic::async_trait]
impl JobService for Door {
    async fn create_job(&self, request: Request<pb::CreateJobRequest>) -> Answer<pb::CreateJobResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::job::create(&self.app, &ctx, request).await?))
    }

    async fn get_job(&self, request: Request<pb::GetJobRequest>) -> Answer<pb::GetJobResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::job::get(&self.app, &ctx, request).await?))
    }

    async fn list_jobs(&self, request: Request<pb::ListJobsRequest>) -> Answer<pb::ListJobsResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::job::list(&self.app, &ctx, request).await?))
    }

    async fn update_job(&self, request: Request<pb::UpdateJobRequest>) -> Answer<pb::UpdateJobResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::job::update(&self.app, &ctx, request).await?))
    }

    async fn delete_job(&self, request: Request<pb::DeleteJobRequest>) -> Answer<pb::DeleteJobResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::job::delete(&self.app, &ctx, request).await?))
    }

    async fn restore_job(&self, request: Request<pb::RestoreJobRequest>) -> Answer<pb::RestoreJobResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::job::restore(&self.app, &ctx, request).await?))
    }

    async fn get_job_plan(&self, request: Request<pb::GetJobPlanRequest>) -> Answer<pb::GetJobPlanResponse> {
        let (ctx, request) = trinity_rpc::open(request);
        Ok(Response::new(handlers::plan::get_job(&self.app, &ctx, request).await?))
    }
}
