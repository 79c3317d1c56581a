//! A registry that listens, with a database, a folder of files and callers of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use tempfile::TempDir;
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use trinity_access::{Access, Grant, Level, Object, ObjectKind, Standing};
use trinity_authz::Authenticator;
use trinity_ids::{TenantId, UserId};
use trinity_proto::common::Json;
use trinity_proto::registry as pb;
use trinity_proto::registry::atom_service_client::AtomServiceClient;
use trinity_proto::registry::dataset_service_client::DatasetServiceClient;
use trinity_proto::registry::folder_service_client::FolderServiceClient;
use trinity_proto::registry::project_service_client::ProjectServiceClient;
use trinity_proto::tenant::plan_service_server::PlanServiceServer;
use trinity_proto::workflow::placement_service_server::PlacementServiceServer;
use trinity_registry::{Config, MIGRATOR};
use trinity_rpc::{CancellationToken, Peers, Runtime};
use trinity_testkit::{TestDb, TestRedis, TestTokens, eventually, free_port};
use uuid::Uuid;

use crate::plans::FakePlans;
use crate::shelves::FakeShelves;

pub const LIMIT: Duration = Duration::from_secs(20);
pub const MAX_UPLOAD_BYTES: u64 = 40 << 20;

pub struct Stand {
    pub db: TestDb,
    pub plans: FakePlans,
    pub shelves: FakeShelves,
    pub tokens: TestTokens,
    authenticator: Arc<Authenticator>,
    files: TempDir,
    channel: Channel,
    shutdown: CancellationToken,
}

/// Somebody of a tenant.
#[derive(Clone)]
pub struct Person {
    pub tenant: TenantId,
    pub user: UserId,
    access: Access,
    token: String,
}

impl Person {
    pub fn says<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.token)
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Stand {
    pub async fn new() -> Self {
        let tokens = TestTokens::new();
        let authenticator = tokens.authenticator();
        Self::with(tokens, authenticator).await
    }

    /// A stand whose callers are known to `authenticator`.
    pub async fn with(tokens: TestTokens, authenticator: Arc<Authenticator>) -> Self {
        let db = TestDb::new("registry", &MIGRATOR).await;
        let (plans, files) = (FakePlans::default(), TempDir::new().unwrap());
        let shutdown = CancellationToken::new();
        let mut runtime = runtime(&tokens, &plans, &shutdown);
        runtime.authenticator = Arc::clone(&authenticator);
        let shelves = FakeShelves::default();
        runtime.peers.install("workflow", Routes::new(PlacementServiceServer::new(shelves.clone())));
        let config = config(db.url(), files.path());
        let listen = config.listen;
        let service = trinity_registry::build(config, runtime).await.unwrap();
        let stop = shutdown.clone();
        trinity_telemetry::spawn(
            "served",
            async move { trinity_rpc::serve(listen, vec![service], stop).await.unwrap() },
        );
        let endpoint = Endpoint::from_shared(format!("http://{listen}")).unwrap();
        let channel = eventually(LIMIT, "the registry to listen", || async { endpoint.connect().await.ok() }).await;
        Self { db, plans, shelves, tokens, authenticator, files, channel, shutdown }
    }

    pub fn projects(&self) -> ProjectServiceClient<Channel> {
        ProjectServiceClient::new(self.channel.clone())
    }

    pub fn folders(&self) -> FolderServiceClient<Channel> {
        FolderServiceClient::new(self.channel.clone())
    }

    pub fn datasets(&self) -> DatasetServiceClient<Channel> {
        DatasetServiceClient::new(self.channel.clone())
    }

    pub fn atoms(&self) -> AtomServiceClient<Channel> {
        AtomServiceClient::new(self.channel.clone())
    }

    /// Somebody new in a new tenant.
    pub fn person(&self, role: &str) -> Person {
        self.somebody(TenantId::new(), |access| access.tenant = trinity_access::role(role).unwrap().permissions())
    }

    /// Somebody new in the same tenant.
    pub fn colleague(&self, of: &Person, role: &str) -> Person {
        self.somebody(of.tenant, |access| access.tenant = trinity_access::role(role).unwrap().permissions())
    }

    /// Somebody new in the same tenant, without a role, who may do what `give` says.
    pub fn guest(&self, of: &Person, give: impl FnOnce(&mut Access)) -> Person {
        self.somebody(of.tenant, give)
    }

    fn somebody(&self, tenant: TenantId, give: impl FnOnce(&mut Access)) -> Person {
        let user = UserId::new();
        let mut access = Access { name: format!("{user}@test.example"), owner: Some(user), ..Access::default() };
        give(&mut access);
        Person { tenant, user, token: self.tokens.user_with(tenant, user, access.clone()), access }
    }

    /// Changes what somebody may do; his token stays the same.
    pub fn change_access(&self, person: &Person, change: impl FnOnce(&mut Access)) {
        let mut access = person.access.clone();
        change(&mut access);
        self.tokens.user_with(person.tenant, person.user, access);
        self.authenticator.forget_access(person.tenant);
    }

    /// Changes what somebody's tenant may use.
    pub fn set_standing(&self, person: &Person, standing: Standing) {
        self.tokens.set_standing(person.tenant, standing);
        self.authenticator.forget_standing(Some(person.tenant));
    }

    /// A program that signs in with an API key; the person answers for it.
    pub fn program(tenant: TenantId, responsible: UserId, key: &str) -> Person {
        Person { tenant, user: responsible, token: key.to_owned(), access: Access::default() }
    }

    pub fn service_says<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.tokens.service())
    }

    pub async fn create_project(&self, person: &Person, name: &str, settings: &str) -> Result<pb::Project, Status> {
        let request = pb::CreateProjectRequest {
            name: name.to_owned(),
            app: "eda".to_owned(),
            settings: Some(Json::new(settings)),
            ..pb::CreateProjectRequest::default()
        };
        Ok(self.projects().create_project(person.says(request)).await?.into_inner().project.unwrap())
    }

    pub async fn upload(
        &self,
        person: &Person,
        project: &str,
        filename: &str,
        bytes: &[u8],
    ) -> Result<pb::Dataset, Status> {
        let header = pb::UploadDatasetRequest {
            project_id: project.to_owned(),
            filename: filename.to_owned(),
            ..pb::UploadDatasetRequest::default()
        };
        let chunk = |chunk: &[u8]| pb::UploadDatasetRequest {
            chunk: chunk.to_vec().into(),
            ..pb::UploadDatasetRequest::default()
        };
        let messages: Vec<_> = std::iter::once(header).chain(bytes.chunks(64 << 10).map(chunk)).collect();
        let answer = self.datasets().upload_dataset(person.says(stream::iter(messages))).await?;
        Ok(answer.into_inner().dataset.unwrap())
    }

    pub async fn preview(
        &self,
        person: &Person,
        dataset: &str,
        rows: u32,
    ) -> Result<pb::PreviewDatasetResponse, Status> {
        let request = pb::PreviewDatasetRequest { dataset_id: dataset.to_owned(), rows: Some(rows) };
        Ok(self.datasets().preview_dataset(person.says(request)).await?.into_inner())
    }

    pub async fn list_datasets(&self, person: &Person, project: &str) -> Vec<pb::Dataset> {
        let request = pb::ListDatasetsRequest { project_id: project.to_owned(), ..pb::ListDatasetsRequest::default() };
        self.datasets().list_datasets(person.says(request)).await.unwrap().into_inner().datasets
    }

    /// Every file under the store's folder, finished or not.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.files.path(), &mut found);
        found
    }
}

/// What a process of the registry has.
pub fn runtime(tokens: &TestTokens, plans: &FakePlans, shutdown: &CancellationToken) -> Runtime {
    let redis = TestRedis::new();
    let variables = BTreeMap::from([
        ("TRINITY_REDIS_URL".to_owned(), redis.url),
        ("TRINITY_REDIS_PREFIX".to_owned(), redis.prefix),
        ("TRINITY_SERVICE_KEY".to_owned(), tokens.service_seed().to_owned()),
    ]);
    let shared = trinity_config::load_shared_from(&variables).unwrap();
    let peers = Peers::local("registry", &shared).unwrap();
    peers.install("tenant", Routes::new(PlanServiceServer::new(plans.clone())));
    let mut runtime = Runtime::new(&shared, peers, shutdown.clone()).unwrap();
    runtime.authenticator = tokens.authenticator();
    runtime
}

pub fn config(database_url: &str, files: &Path) -> Config {
    Config {
        listen: ([127, 0, 0, 1], free_port()).into(),
        database_url: database_url.to_owned(),
        owner_url: None,
        database_connections: 8,
        storage_url: format!("file://{}", files.display()),
        max_upload_bytes: MAX_UPLOAD_BYTES,
        meter_interval_ms: 50,
    }
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// A grant on a project, without a beginning and an end.
pub fn grant(level: Level, project: &str) -> Grant {
    let object = Object { kind: ObjectKind::Project, id: project.parse().unwrap() };
    Grant { id: Uuid::now_v7(), object, level, starts_at: None, expires_at: None }
}

/// The stable word of a refusal.
pub fn reason(status: &Status) -> String {
    use tonic_types::StatusExt;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The first field that a refusal names.
pub fn field(status: &Status) -> String {
    use tonic_types::StatusExt;
    let violations = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    violations.into_iter().next().map(|violation| violation.field).unwrap_or_default()
}
