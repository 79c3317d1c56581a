//! A registry that keeps projects in memory and does on request what real ones do on bad days.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use futures::{Stream, StreamExt as _};
use tokio::sync::Notify;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use trinity_error::{Code, Error};
use trinity_proto::common::{Json, PageInfo};
use trinity_proto::orchestration::{ReceiveHookRequest, ReceiveHookResponse};
use trinity_proto::registry::*;
use trinity_proto::tenant::{
    GetTenantRequest, GetTenantResponse, Metric, RecordUsageRequest, RecordUsageResponse, Tenant,
};

/// What the registry has seen and holds.
#[derive(Default)]
pub struct State {
    pub projects: Mutex<BTreeMap<String, Project>>,
    pub metadata: Mutex<MetadataMap>,
    pub uploads: Mutex<Vec<Upload>>,
    pub hooks: Mutex<Vec<ReceiveHookRequest>>,
    pub usage: Mutex<Usage>,
    /// Slow calls that were dropped before they ended.
    pub dropped: Notify,
    /// Says that a slow call has arrived, and lets it go.
    pub arrived: Notify,
    pub released: Notify,
}

/// What was told of the tenants' requests.
#[derive(Debug, Default)]
pub struct Usage {
    /// The ids of all batches as they came.
    pub batches: Vec<String>,
    /// Requests by tenant; a batch that comes again counts once.
    pub requests: BTreeMap<String, u64>,
    /// How many answers will be lost on the way.
    pub answers_to_lose: usize,
}

/// An upload as it came.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    pub first: UploadDatasetRequest,
    pub bytes: Vec<u8>,
    pub largest_chunk: usize,
    /// Whether the stream ended as it should.
    pub is_whole: bool,
}

#[derive(Clone)]
pub struct Peer(pub Arc<State>);

type Download = Pin<Box<dyn Stream<Item = Result<DownloadDatasetResponse, Status>> + Send>>;

/// The RPCs that the tests call. Served one by one, so that a contract may grow without an edit here.
pub fn routes(state: &Arc<State>) -> Router {
    let peer = Peer(state.clone());
    macro_rules! rpc {
        ($kind:ident, $handler:ident) => {{
            let peer = peer.clone();
            post(move |request: axum::extract::Request| async move {
                let service = tower::service_fn(move |request| peer.clone().$handler(request));
                tonic::server::Grpc::new(ProstCodec::default()).$kind(service, request).await
            })
        }};
    }
    const PROJECTS: &str = "/trinity.registry.v1.ProjectService";
    const DATASETS: &str = "/trinity.registry.v1.DatasetService";
    const TENANT: &str = "/trinity.tenant.v1";
    Router::new()
        .route(&format!("{PROJECTS}/ListApps"), rpc!(unary, list_apps))
        .route(&format!("{PROJECTS}/CreateProject"), rpc!(unary, create_project))
        .route(&format!("{PROJECTS}/GetProject"), rpc!(unary, get_project))
        .route(&format!("{PROJECTS}/ListProjects"), rpc!(unary, list_projects))
        .route(&format!("{PROJECTS}/UpdateProject"), rpc!(unary, update_project))
        .route(&format!("{PROJECTS}/DeleteProject"), rpc!(unary, delete_project))
        .route(&format!("{PROJECTS}/RestoreProject"), rpc!(unary, restore_project))
        .route(&format!("{DATASETS}/UploadDataset"), rpc!(client_streaming, upload_dataset))
        .route(&format!("{DATASETS}/DownloadDataset"), rpc!(server_streaming, download_dataset))
        .route(&format!("{DATASETS}/PreviewDataset"), rpc!(unary, preview_dataset))
        .route("/trinity.orchestration.v1.HookService/ReceiveHook", rpc!(unary, receive_hook))
        .route(&format!("{TENANT}.TenantService/GetTenant"), rpc!(unary, get_tenant))
        .route(&format!("{TENANT}.PlanService/RecordUsage"), rpc!(unary, record_usage))
}

/// Notices when the call that holds it is dropped.
struct Witness(Arc<State>, bool);

impl Drop for Witness {
    fn drop(&mut self) {
        if !self.1 {
            self.0.dropped.notify_one();
        }
    }
}

impl Peer {
    async fn receive_hook(self, request: Request<ReceiveHookRequest>) -> Result<Response<ReceiveHookResponse>, Status> {
        let request = self.see(request);
        self.0.hooks.lock().unwrap().push(request);
        Ok(Response::new(ReceiveHookResponse { run_id: "run".to_owned() }))
    }

    fn see<T>(&self, request: Request<T>) -> T {
        *self.0.metadata.lock().unwrap() = request.metadata().clone();
        request.into_inner()
    }

    fn find(&self, id: &str) -> Result<Project, Status> {
        Ok(self.0.projects.lock().unwrap().get(id).cloned().ok_or_else(|| Error::not_found("project"))?)
    }

    async fn wait(&self) {
        let mut witness = Witness(self.0.clone(), false);
        self.0.arrived.notify_one();
        self.0.released.notified().await;
        witness.1 = true;
    }
}

/// Projects.
impl Peer {
    async fn list_apps(self, request: Request<ListAppsRequest>) -> Result<Response<ListAppsResponse>, Status> {
        self.see(request);
        let app = App { slug: "weather".into(), name: "Weather".into(), active: true, ..App::default() };
        Ok(Response::new(ListAppsResponse { apps: vec![app] }))
    }

    async fn create_project(
        self,
        request: Request<CreateProjectRequest>,
    ) -> Result<Response<CreateProjectResponse>, Status> {
        let new = self.see(request);
        let project = Project {
            id: new.name.clone(),
            name: new.name,
            description: new.description,
            app: new.app,
            settings: new.settings,
            state: new.state,
            version: 1,
            created_at: Some(trinity_proto::Timestamp { seconds: 1_767_225_600, nanos: 500_000_000 }),
            ..Project::default()
        };
        self.0.projects.lock().unwrap().insert(project.id.clone(), project.clone());
        Ok(Response::new(CreateProjectResponse { project: Some(project) }))
    }

    async fn get_project(self, request: Request<GetProjectRequest>) -> Result<Response<GetProjectResponse>, Status> {
        let project_id = self.see(request).project_id;
        match project_id.as_str() {
            "slow" => self.wait().await,
            "panic" => panic!("as asked"),
            "raw" => return Err(Status::unknown("connection to 10.0.0.7 refused")),
            "invalid" => {
                let error = Error::invalid("canvas.molecules[0].id", "is taken: twice").with_metadata("limit", "200");
                return Err(error.with_violation("name", "required", "is required").into());
            }
            _ => {}
        }
        if let Some(code) = project_id.strip_prefix("code-") {
            let code = code.parse().unwrap();
            #[expect(clippy::disallowed_methods, reason = "a status as a stranger sends it")]
            return Err(Status::new(tonic::Code::from_i32(code), "the message"));
        }
        Ok(Response::new(GetProjectResponse { project: Some(self.find(&project_id)?) }))
    }

    async fn list_projects(
        self,
        request: Request<ListProjectsRequest>,
    ) -> Result<Response<ListProjectsResponse>, Status> {
        let asked = self.see(request);
        let projects: Vec<_> = self.0.projects.lock().unwrap().values().cloned().collect();
        let page = PageInfo {
            page: Some(asked.page),
            per_page: asked.per_page,
            total: Some(projects.len() as u64),
            next_page_token: asked.page_token,
            ..PageInfo::default()
        };
        Ok(Response::new(ListProjectsResponse { projects, page: Some(page) }))
    }

    async fn update_project(
        self,
        request: Request<UpdateProjectRequest>,
    ) -> Result<Response<UpdateProjectResponse>, Status> {
        let change = self.see(request);
        let mut project = self.find(&change.project_id)?;
        if change.version.is_some_and(|version| version != project.version) {
            return Err(Error::stale("project").into());
        }
        project.name = change.name.unwrap_or(project.name);
        project.settings = change.settings.or(project.settings);
        project.version += 1;
        self.0.projects.lock().unwrap().insert(project.id.clone(), project.clone());
        Ok(Response::new(UpdateProjectResponse { project: Some(project) }))
    }

    async fn delete_project(
        self,
        request: Request<DeleteProjectRequest>,
    ) -> Result<Response<DeleteProjectResponse>, Status> {
        let asked = self.see(request);
        self.0.projects.lock().unwrap().remove(&asked.project_id);
        Ok(Response::new(DeleteProjectResponse {}))
    }

    async fn restore_project(
        self,
        request: Request<RestoreProjectRequest>,
    ) -> Result<Response<RestoreProjectResponse>, Status> {
        let asked = self.see(request);
        Err(Error::new(Code::FailedPrecondition, "NOT_DELETED", format!("{} is not deleted", asked.project_id)).into())
    }
}

/// Tenants.
impl Peer {
    async fn get_tenant(self, request: Request<GetTenantRequest>) -> Result<Response<GetTenantResponse>, Status> {
        let tenant = Tenant { id: self.see(request).tenant_id, ..Tenant::default() };
        Ok(Response::new(GetTenantResponse { tenant: Some(tenant) }))
    }

    async fn record_usage(self, request: Request<RecordUsageRequest>) -> Result<Response<RecordUsageResponse>, Status> {
        let batch = request.into_inner();
        let mut usage = self.0.usage.lock().unwrap();
        let is_new = !usage.batches.contains(&batch.batch_id);
        usage.batches.push(batch.batch_id);
        for entry in batch.entries.into_iter().filter(|_| is_new) {
            assert_eq!((entry.metric(), entry.day.len()), (Metric::Requests, 10), "{entry:?}");
            *usage.requests.entry(entry.tenant_id).or_default() += entry.amount;
        }
        if usage.answers_to_lose > 0 {
            usage.answers_to_lose -= 1;
            return Err(Error::unavailable("the connection").into());
        }
        Ok(Response::new(RecordUsageResponse {}))
    }
}

/// Datasets.
impl Peer {
    async fn upload_dataset(
        self,
        request: Request<Streaming<UploadDatasetRequest>>,
    ) -> Result<Response<UploadDatasetResponse>, Status> {
        let mut stream = request.into_inner();
        let first = stream.message().await?.ok_or_else(|| Error::required("first"))?;
        assert!(first.chunk.is_empty(), "the first message has no chunk");
        if first.project_id == "refused" {
            return Err(Error::not_found("project").into());
        }
        let mut upload = Upload { first: first.clone(), ..Upload::default() };
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    upload.largest_chunk = upload.largest_chunk.max(message.chunk.len());
                    upload.bytes.extend_from_slice(&message.chunk);
                    self.0.arrived.notify_one();
                }
                Ok(None) => {
                    upload.is_whole = true;
                    break;
                }
                Err(_) => break,
            }
        }
        let size_bytes = upload.bytes.len() as u64;
        self.0.uploads.lock().unwrap().push(upload);
        self.0.arrived.notify_one();
        let dataset = Dataset { id: "d1".into(), name: first.name, size_bytes, ..Dataset::default() };
        Ok(Response::new(UploadDatasetResponse { dataset: Some(dataset) }))
    }

    async fn download_dataset(self, request: Request<DownloadDatasetRequest>) -> Result<Response<Download>, Status> {
        let id = self.see(request).dataset_id;
        let header = |size_bytes| {
            Ok(DownloadDatasetResponse {
                header: Some(DownloadHeader {
                    content_type: "text/csv".into(),
                    filename: "år \"1\".csv".into(),
                    size_bytes,
                }),
                ..DownloadDatasetResponse::default()
            })
        };
        let chunk = |byte: u8| Ok(DownloadDatasetResponse { header: None, chunk: vec![byte; 100_000].into() });
        let messages: Vec<Result<_, Status>> = match id.as_str() {
            "missing" => return Err(Error::not_found("dataset").into()),
            "early" => vec![header(9), Err(Error::unavailable("the object store").into())],
            "broken" => vec![header(200_000), chunk(1), Err(Error::internal("the disk is gone").into())],
            "empty" => vec![header(0)],
            _ => std::iter::once(header(2_000_000)).chain((0..20).map(chunk)).collect(),
        };
        let endless = futures::stream::pending().take(usize::from(id == "endless"));
        Ok(Response::new(Box::pin(futures::stream::iter(messages).chain(endless))))
    }

    async fn preview_dataset(
        self,
        request: Request<PreviewDatasetRequest>,
    ) -> Result<Response<PreviewDatasetResponse>, Status> {
        let rows = self.see(request).rows.unwrap_or(20);
        let rows = (0..rows).map(|row| Json::new(format!("{{\"b\":{row}.10,\"a\":null}}"))).collect();
        Ok(Response::new(PreviewDatasetResponse { columns: Vec::new(), rows }))
    }
}
