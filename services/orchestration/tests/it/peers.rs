//! The peers that orchestration calls, answering over the real contracts from memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use trinity_ids::ProjectId;
use trinity_proto::common::Json;
use trinity_proto::registry::dataset_service_server::DatasetService;
use trinity_proto::tenant::tenant_service_server::TenantService;
use trinity_proto::workflow::workflow_service_server::WorkflowService;
use trinity_proto::{registry, tenant, workflow};
use trinity_rpc::open;

/// What the peers answer, and what they were told.
#[derive(Clone)]
pub struct Peers {
    pub plan: Arc<Mutex<workflow::Plan>>,
    pub project: ProjectId,
    pub concurrency: u32,
    pub registered: Arc<Mutex<Vec<registry::Output>>>,
}

/// A task of a plan that depends on the tasks given.
pub fn task(place: &str, upstream: &[u32]) -> workflow::PlanTask {
    workflow::PlanTask {
        place: place.to_owned(),
        molecule: "m".to_owned(),
        atom: "noop".to_owned(),
        atom_version: "1.0.0".to_owned(),
        config: Some(Json::new("{}")),
        inputs: upstream
            .iter()
            .map(|from| workflow::PlanEdge {
                from: *from,
                r#type: workflow::EdgeType::DataFlow.into(),
                when: String::new(),
            })
            .collect(),
        ..workflow::PlanTask::default()
    }
}

/// RPCs of these services that orchestration never calls. Written out as `async_trait` would, which cannot see into macros.
type Stub<'a, T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

macro_rules! absent {
    ($($name:ident: $pb:ident::$request:ident => $response:ident),+ $(,)?) => {$(
        fn $name<'life0, 'async_trait>(&'life0 self, _: Request<$pb::$request>) -> Stub<'async_trait, $pb::$response>
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            unreachable!("orchestration does not call this")
        }
    )+};
}

#[tonic::async_trait]
impl WorkflowService for Peers {
    async fn get_plan(
        &self,
        request: Request<workflow::GetPlanRequest>,
    ) -> Result<Response<workflow::GetPlanResponse>, Status> {
        let (_, request) = open(request);
        Ok(Response::new(workflow::GetPlanResponse {
            workflow_id: request.workflow_id,
            workflow_name: "nightly".to_owned(),
            project_id: self.project.to_string(),
            version: request.version.unwrap_or(1),
            plan: Some(self.plan.lock().unwrap().clone()),
            faults: Vec::new(),
        }))
    }
    async fn record_execution(
        &self,
        _: Request<workflow::RecordExecutionRequest>,
    ) -> Result<Response<workflow::RecordExecutionResponse>, Status> {
        Ok(Response::new(workflow::RecordExecutionResponse {}))
    }
    absent! {
        save_canvas: workflow::SaveCanvasRequest => SaveCanvasResponse,
        get_workflow: workflow::GetWorkflowRequest => GetWorkflowResponse,
        list_workflows: workflow::ListWorkflowsRequest => ListWorkflowsResponse,
        update_workflow: workflow::UpdateWorkflowRequest => UpdateWorkflowResponse,
        delete_workflow: workflow::DeleteWorkflowRequest => DeleteWorkflowResponse,
        restore_workflow: workflow::RestoreWorkflowRequest => RestoreWorkflowResponse,
        validate_workflow: workflow::ValidateWorkflowRequest => ValidateWorkflowResponse,
        list_versions: workflow::ListVersionsRequest => ListVersionsResponse,
        get_version: workflow::GetVersionRequest => GetVersionResponse,
        check_out: workflow::CheckOutRequest => CheckOutResponse,
        check_in: workflow::CheckInRequest => CheckInResponse,
    }
}

#[tonic::async_trait]
impl DatasetService for Peers {
    type DownloadDatasetStream = tokio_stream::Empty<Result<registry::DownloadDatasetResponse, Status>>;

    async fn register_outputs(
        &self,
        request: Request<registry::RegisterOutputsRequest>,
    ) -> Result<Response<registry::RegisterOutputsResponse>, Status> {
        let (_, request) = open(request);
        self.registered.lock().unwrap().extend(request.outputs);
        Ok(Response::new(registry::RegisterOutputsResponse {}))
    }
    async fn upload_dataset(
        &self,
        _: Request<tonic::Streaming<registry::UploadDatasetRequest>>,
    ) -> Result<Response<registry::UploadDatasetResponse>, Status> {
        unreachable!("orchestration does not call this")
    }
    async fn download_dataset(
        &self,
        _: Request<registry::DownloadDatasetRequest>,
    ) -> Result<Response<Self::DownloadDatasetStream>, Status> {
        unreachable!("orchestration does not call this")
    }
    absent! {
        list_datasets: registry::ListDatasetsRequest => ListDatasetsResponse,
        get_dataset: registry::GetDatasetRequest => GetDatasetResponse,
        get_dataset_schema: registry::GetDatasetSchemaRequest => GetDatasetSchemaResponse,
        preview_dataset: registry::PreviewDatasetRequest => PreviewDatasetResponse,
        delete_dataset: registry::DeleteDatasetRequest => DeleteDatasetResponse,
        resolve_datasets: registry::ResolveDatasetsRequest => ResolveDatasetsResponse,
    }
}

#[tonic::async_trait]
impl TenantService for Peers {
    async fn get_tenant(
        &self,
        request: Request<tenant::GetTenantRequest>,
    ) -> Result<Response<tenant::GetTenantResponse>, Status> {
        let (_, request) = open(request);
        let found =
            tenant::Tenant { id: request.tenant_id, concurrent_tasks: self.concurrency, ..tenant::Tenant::default() };
        Ok(Response::new(tenant::GetTenantResponse { tenant: Some(found) }))
    }
    absent! {
        get_current_tenant: tenant::GetCurrentTenantRequest => GetCurrentTenantResponse,
        create_tenant: tenant::CreateTenantRequest => CreateTenantResponse,
        list_tenants: tenant::ListTenantsRequest => ListTenantsResponse,
        update_tenant: tenant::UpdateTenantRequest => UpdateTenantResponse,
        suspend_tenant: tenant::SuspendTenantRequest => SuspendTenantResponse,
        resume_tenant: tenant::ResumeTenantRequest => ResumeTenantResponse,
        resolve_tenant: tenant::ResolveTenantRequest => ResolveTenantResponse,
        list_suspended_tenants: tenant::ListSuspendedTenantsRequest => ListSuspendedTenantsResponse,
    }
}
