//! The service on a port of its own, its peers in this process, and people who call it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use trinity_access::{Access, Grant, Level, Object, ObjectKind, Standing};
use trinity_config::Shared;
use trinity_error::Error;
use trinity_ids::{ProjectId, TenantId, UserId};
use trinity_proto::common::Json;
use trinity_proto::workflow as pb;
use trinity_proto::workflow::workflow_service_client::WorkflowServiceClient;
use trinity_rpc::{CancellationToken, Peers, Runtime};
use trinity_testkit::{TestDb, TestRedis, TestTokens, eventually, free_port};
use trinity_workflow::Config;
use uuid::Uuid;

use crate::peers::{Audit, Registry};

/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Stage {
    shutdown: CancellationToken,
    pub client: WorkflowServiceClient<Channel>,
    pub channel: Channel,
    pub registry: Registry,
    pub audit: Audit,
    tokens: TestTokens,
    pub db: TestDb,
}

/// Somebody of a tenant, and the project that they work in.
#[derive(Clone)]
pub struct Person {
    pub tenant: TenantId,
    pub user: UserId,
    pub project: ProjectId,
    token: String,
}

impl Stage {
    pub async fn new() -> Self {
        let db = TestDb::new("workflow", &trinity_workflow::MIGRATOR).await;
        let (tokens, redis) = (TestTokens::new(), TestRedis::new());
        let shared = Shared {
            redis_url: redis.url,
            redis_prefix: redis.prefix,
            service_key: tokens.service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "info".to_owned(),
            log_format: "text".to_owned(),
            peers: BTreeMap::new(),
        };
        let shutdown = CancellationToken::new();
        let mut runtime = Runtime::new(&shared, Peers::local("workflow", &shared).unwrap(), shutdown.clone()).unwrap();
        runtime.authenticator = tokens.authenticator();
        let (registry, audit) = (Registry::default(), Audit::default());
        runtime.peers.install("registry", registry.service(&runtime).routes);
        runtime.peers.install("audit", audit.service(&runtime).routes);

        let config: Config = serde_json::from_value(json!({"database_url": db.url()})).unwrap();
        let service = trinity_workflow::build(config, runtime).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let stop = shutdown.clone();
        trinity_telemetry::spawn(
            "server",
            async move { trinity_rpc::serve(address, vec![service], stop).await.unwrap() },
        );
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = eventually(LIMIT, "the server", || async { endpoint.connect().await.ok() }).await;
        let client = WorkflowServiceClient::new(channel.clone()).max_decoding_message_size(4 << 20);
        Self { shutdown, client, channel, registry, audit, tokens, db }
    }

    /// An editor of a new tenant with somebody's project.
    pub fn editor(&self) -> Person {
        let (tenant, project) = (TenantId::new(), ProjectId::new());
        self.registry.add_project(tenant, project, UserId::new());
        self.colleague(tenant, project)
    }

    /// Another editor of the same tenant.
    pub fn colleague(&self, tenant: TenantId, project: ProjectId) -> Person {
        self.person(tenant, project, UserId::new(), "editor", &[])
    }

    /// Somebody with a role in the whole tenant, with whom objects are shared.
    pub fn person(
        &self,
        tenant: TenantId,
        project: ProjectId,
        user: UserId,
        role: &str,
        grants: &[(ObjectKind, Uuid, Level)],
    ) -> Person {
        let grant = |&(kind, id, level): &(ObjectKind, Uuid, Level)| Grant {
            id: Uuid::now_v7(),
            object: Object { kind, id },
            level,
            starts_at: None,
            expires_at: None,
        };
        let access = Access {
            name: format!("{user}@test.example"),
            tenant: trinity_access::role(role).unwrap().permissions(),
            grants: grants.iter().map(grant).collect(),
            owner: Some(user),
            ..Access::default()
        };
        self.person_with(tenant, project, user, access)
    }

    /// Somebody who may do what `access` says.
    pub fn person_with(&self, tenant: TenantId, project: ProjectId, user: UserId, access: Access) -> Person {
        Person { tenant, user, project, token: self.tokens.user_with(tenant, user, access) }
    }

    pub fn set_standing(&self, tenant: TenantId, standing: Standing) {
        self.tokens.set_standing(tenant, standing);
    }

    /// A request in the name of another service.
    pub fn by_service<T>(&self, message: T) -> Request<T> {
        with_token(&self.tokens.service(), message)
    }

    pub async fn save(&self, person: &Person, request: pb::SaveCanvasRequest) -> Result<pb::SaveCanvasResponse, Error> {
        answer(self.client.clone().save_canvas(person.asks(request)).await)
    }

    /// Saves a sound canvas as a new workflow.
    pub async fn saved(&self, person: &Person, name: &str, canvas: &Value) -> pb::Workflow {
        let answer = self.save(person, new_workflow(person, name, &canvas.to_string())).await.unwrap();
        assert_eq!(answer.faults, []);
        answer.workflow.unwrap()
    }

    pub async fn get(&self, person: &Person, id: &str) -> Result<pb::Workflow, Error> {
        let request = person.asks(pb::GetWorkflowRequest { workflow_id: id.to_owned() });
        answer(self.client.clone().get_workflow(request).await).map(|answer| answer.workflow.unwrap())
    }

    pub async fn plan(&self, person: &Person, id: &str, version: Option<u64>) -> Result<pb::GetPlanResponse, Error> {
        let message = pb::GetPlanRequest { tenant_id: person.tenant.into(), workflow_id: id.to_owned(), version };
        answer(self.client.clone().get_plan(self.by_service(message)).await)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Person {
    /// The same person, asking of another project.
    pub fn in_project(&self, project: ProjectId) -> Self {
        Self { project, ..self.clone() }
    }

    /// A request in this person's name.
    pub fn asks<T>(&self, message: T) -> Request<T> {
        with_token(&self.token, message)
    }
}

fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// The message of an answer, or the error as its contract describes it.
pub fn answer<T>(answer: Result<tonic::Response<T>, Status>) -> Result<T, Error> {
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

/// A save of a canvas as a new workflow.
pub fn new_workflow(person: &Person, name: &str, canvas: &str) -> pb::SaveCanvasRequest {
    pb::SaveCanvasRequest {
        project_id: person.project.into(),
        name: name.to_owned(),
        canvas: Some(Json::new(canvas)),
        ..pb::SaveCanvasRequest::default()
    }
}

/// A save of a canvas over a version of a workflow.
pub fn next_version(workflow: &pb::Workflow, canvas: &str) -> pb::SaveCanvasRequest {
    pb::SaveCanvasRequest {
        project_id: workflow.project_id.clone(),
        workflow_id: workflow.id.clone(),
        version: Some(workflow.version),
        canvas: Some(Json::new(canvas)),
        ..pb::SaveCanvasRequest::default()
    }
}

/// A canvas of one molecule with no-ops of these ids.
pub fn noops(ids: &[&str]) -> Value {
    let atoms: Vec<Value> = ids.iter().map(|id| json!({"id": id, "atom": "noop"})).collect();
    json!({"molecules": [{"id": "main", "atoms": atoms}]})
}

/// The text of a message's document.
pub fn text(json: &Option<Json>) -> &str {
    &json.as_ref().expect("a document").text
}
