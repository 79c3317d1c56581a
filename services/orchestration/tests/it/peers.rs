//! The peers that orchestration calls, answering over the real contracts from memory.

use std::collections::{HashMap, HashSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tonic::{Request, Response, Status};
use trinity_ids::{ProjectId, TenantId, UserId};
use trinity_proto::audit::audit_service_server::AuditService;
use trinity_proto::common::Json;
use trinity_proto::identity::delegation_service_server::DelegationService;
use trinity_proto::identity::environment_service_server::EnvironmentService;
use trinity_proto::identity::mail_service_server::MailService;
use trinity_proto::registry::dataset_service_server::DatasetService;
use trinity_proto::tenant::plan_service_server::PlanService;
use trinity_proto::workflow::find_place_request::Thing;
use trinity_proto::workflow::job_service_server::JobService;
use trinity_proto::workflow::placement_service_server::PlacementService;
use trinity_proto::workflow::workflow_service_server::WorkflowService;
use trinity_proto::{audit, identity, registry, tenant, workflow};
use trinity_rpc::open;

/// What the peers answer, and what they were told.
#[derive(Clone)]
pub struct Peers {
    pub plan: Arc<Mutex<workflow::Plan>>,
    /// Plans of single workflows and jobs; all others have the one above.
    pub plans: Arc<Mutex<HashMap<String, workflow::Plan>>>,
    /// Variables that identity keeps, whoever asks.
    pub variables: Arc<Mutex<HashMap<String, String>>>,
    pub project: ProjectId,
    /// Who owns every workflow, and who the project.
    pub workflow_owner: UserId,
    pub project_owner: UserId,
    /// Workflows that do not exist; all others do.
    pub missing: Arc<Mutex<HashSet<String>>>,
    pub usage: Arc<Mutex<Usage>>,
    pub registered: Arc<Mutex<Vec<registry::Output>>>,
    /// Who is told how runs of workflows end.
    pub notifications: Arc<Mutex<String>>,
    /// Users, and what they may not run any more.
    pub barred: Arc<Mutex<HashSet<(String, String)>>>,
    /// What identity was asked to send.
    pub mails: Arc<Mutex<Vec<identity::SendMailRequest>>>,
}

/// What the tenant service was told.
#[derive(Default)]
pub struct Usage {
    pub batches: HashMap<String, Vec<tenant::UsageEntry>>,
    pub answers_to_lose: u32,
}

impl Usage {
    /// How much of something a tenant used.
    pub fn total(&self, tenant: TenantId, metric: tenant::Metric) -> u64 {
        let entries = self.batches.values().flatten();
        let of = entries.filter(|entry| entry.tenant_id == tenant.to_string() && entry.metric() == metric);
        of.map(|entry| entry.amount).sum()
    }
}

/// A task that starts runs of another workflow.
pub fn sub_workflow(place: &str, upstream: &[u32], workflow: &str, rest: &str) -> workflow::PlanTask {
    let config = Json::new(format!(r#"{{"workflow": "{workflow}"{rest}}}"#));
    workflow::PlanTask { atom: "workflow".to_owned(), config: Some(config), ..task(place, upstream) }
}

/// A task of an atom that the engine carries out itself.
pub fn door(atom: &str, upstream: &[u32]) -> workflow::PlanTask {
    workflow::PlanTask { atom: atom.to_owned(), ..task(atom, upstream) }
}

/// An edge that is followed when the expression holds.
pub fn when(from: u32, expression: &str) -> workflow::PlanEdge {
    workflow::PlanEdge { from, r#type: workflow::EdgeType::Conditional.into(), when: expression.to_owned() }
}

/// A plan of these tasks and nothing else.
pub fn plan(tasks: Vec<workflow::PlanTask>) -> workflow::Plan {
    workflow::Plan { tasks, ..workflow::Plan::default() }
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

impl Peers {
    fn plan_of(&self, id: &str) -> workflow::Plan {
        let known = self.plans.lock().unwrap().get(id).cloned();
        known.unwrap_or_else(|| self.plan.lock().unwrap().clone())
    }
}

#[tonic::async_trait]
impl JobService for Peers {
    async fn get_job_plan(
        &self,
        request: Request<workflow::GetJobPlanRequest>,
    ) -> Result<Response<workflow::GetJobPlanResponse>, Status> {
        let (_, request) = open(request);
        if self.missing.lock().unwrap().contains(&request.job_id) {
            return Err(trinity_error::Error::not_found("job").into());
        }
        Ok(Response::new(workflow::GetJobPlanResponse {
            plan: Some(self.plan_of(&request.job_id)),
            job_id: request.job_id,
            job_name: "night".to_owned(),
            project_id: self.project.to_string(),
            version: 1,
            faults: Vec::new(),
            owner_id: self.workflow_owner.to_string(),
            project_owner_id: self.project_owner.to_string(),
            notifications: None,
        }))
    }
    absent! {
        create_job: workflow::CreateJobRequest => CreateJobResponse,
        get_job: workflow::GetJobRequest => GetJobResponse,
        list_jobs: workflow::ListJobsRequest => ListJobsResponse,
        update_job: workflow::UpdateJobRequest => UpdateJobResponse,
        delete_job: workflow::DeleteJobRequest => DeleteJobResponse,
        restore_job: workflow::RestoreJobRequest => RestoreJobResponse,
    }
}

#[tonic::async_trait]
impl EnvironmentService for Peers {
    async fn reveal_variables(
        &self,
        request: Request<identity::RevealVariablesRequest>,
    ) -> Result<Response<identity::RevealVariablesResponse>, Status> {
        let (_, request) = open(request);
        let known = self.variables.lock().unwrap().clone();
        let values = known.into_iter().filter(|(name, _)| request.names.contains(name)).collect();
        Ok(Response::new(identity::RevealVariablesResponse { values }))
    }
    absent! {
        list_variables: identity::ListVariablesRequest => ListVariablesResponse,
        set_variable: identity::SetVariableRequest => SetVariableResponse,
        delete_variable: identity::DeleteVariableRequest => DeleteVariableResponse,
        destroy_tenant_key: identity::DestroyTenantKeyRequest => DestroyTenantKeyResponse,
    }
}

#[tonic::async_trait]
impl AuditService for Peers {
    async fn append_batch(
        &self,
        _: Request<audit::AppendBatchRequest>,
    ) -> Result<Response<audit::AppendBatchResponse>, Status> {
        Ok(Response::new(audit::AppendBatchResponse {}))
    }
    absent! {
        list_events: audit::ListEventsRequest => ListEventsResponse,
        verify_chain: audit::VerifyChainRequest => VerifyChainResponse,
    }
}

#[tonic::async_trait]
impl MailService for Peers {
    async fn send_mail(
        &self,
        request: Request<identity::SendMailRequest>,
    ) -> Result<Response<identity::SendMailResponse>, Status> {
        let (_, request) = open(request);
        self.mails.lock().unwrap().push(request);
        Ok(Response::new(identity::SendMailResponse { mails: 1 }))
    }
}

#[tonic::async_trait]
impl DelegationService for Peers {
    async fn check_user(
        &self,
        request: Request<identity::CheckUserRequest>,
    ) -> Result<Response<identity::CheckUserResponse>, Status> {
        let (_, request) = open(request);
        assert_eq!(request.permission, "workflow.execute");
        let allowed = !self.barred.lock().unwrap().contains(&(request.user_id, request.object_id));
        Ok(Response::new(identity::CheckUserResponse { allowed }))
    }
}

#[tonic::async_trait]
impl WorkflowService for Peers {
    async fn get_plan(
        &self,
        request: Request<workflow::GetPlanRequest>,
    ) -> Result<Response<workflow::GetPlanResponse>, Status> {
        let (_, request) = open(request);
        if self.missing.lock().unwrap().contains(&request.workflow_id) {
            return Err(trinity_error::Error::not_found("workflow").into());
        }
        let plan = self.plan_of(&request.workflow_id);
        Ok(Response::new(workflow::GetPlanResponse {
            workflow_id: request.workflow_id,
            workflow_name: "nightly".to_owned(),
            project_id: self.project.to_string(),
            version: request.version.unwrap_or(1),
            plan: Some(plan),
            faults: Vec::new(),
            owner_id: self.workflow_owner.to_string(),
            project_owner_id: self.project_owner.to_string(),
            notifications: Some(Json::new(self.notifications.lock().unwrap().clone())),
        }))
    }
    async fn record_executions(
        &self,
        _: Request<workflow::RecordExecutionsRequest>,
    ) -> Result<Response<workflow::RecordExecutionsResponse>, Status> {
        Ok(Response::new(workflow::RecordExecutionsResponse {}))
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
impl PlacementService for Peers {
    async fn find_place(
        &self,
        request: Request<workflow::FindPlaceRequest>,
    ) -> Result<Response<workflow::FindPlaceResponse>, Status> {
        let (_, request) = open(request);
        let (Thing::WorkflowId(id) | Thing::JobId(id)) = request.thing.unwrap();
        if self.missing.lock().unwrap().contains(&id) {
            return Err(trinity_error::Error::not_found("workflow").into());
        }
        Ok(Response::new(workflow::FindPlaceResponse {
            owner_id: self.workflow_owner.to_string(),
            project_id: self.project.to_string(),
            project_owner_id: self.project_owner.to_string(),
            folder_id: String::new(),
        }))
    }
    absent! {
        move_workflow: workflow::MoveWorkflowRequest => MoveWorkflowResponse,
        move_job: workflow::MoveJobRequest => MoveJobResponse,
        list_folder_contents: workflow::ListFolderContentsRequest => ListFolderContentsResponse,
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
impl PlanService for Peers {
    /// Takes a batch; as long as it is asked to, without its answer reaching who told it.
    async fn record_usage(
        &self,
        request: Request<tenant::RecordUsageRequest>,
    ) -> Result<Response<tenant::RecordUsageResponse>, Status> {
        let (_, request) = open(request);
        let mut usage = self.usage.lock().unwrap();
        let known = usage.batches.entry(request.batch_id).or_insert_with(|| request.entries.clone());
        assert_eq!(*known, request.entries, "a batch that is told again is the same");
        if usage.answers_to_lose > 0 {
            usage.answers_to_lose -= 1;
            return Err(trinity_error::Error::unavailable("tenant").into());
        }
        Ok(Response::new(tenant::RecordUsageResponse {}))
    }
    absent! {
        list_plans: tenant::ListPlansRequest => ListPlansResponse,
        set_plan: tenant::SetPlanRequest => SetPlanResponse,
        get_subscription: tenant::GetSubscriptionRequest => GetSubscriptionResponse,
        set_subscription: tenant::SetSubscriptionRequest => SetSubscriptionResponse,
        list_flags: tenant::ListFlagsRequest => ListFlagsResponse,
        set_flag_default: tenant::SetFlagDefaultRequest => SetFlagDefaultResponse,
        set_tenant_flag: tenant::SetTenantFlagRequest => SetTenantFlagResponse,
        get_usage: tenant::GetUsageRequest => GetUsageResponse,
        set_budget: tenant::SetBudgetRequest => SetBudgetResponse,
        list_budgets: tenant::ListBudgetsRequest => ListBudgetsResponse,
        delete_budget: tenant::DeleteBudgetRequest => DeleteBudgetResponse,
    }
}
