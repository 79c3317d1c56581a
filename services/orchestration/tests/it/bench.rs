//! The bench of these tests: the service, its peers, users, and workers that the tests play by hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::service::Routes;
use trinity_access::{Access, Grant, Level, Limits, Object, ObjectKind, Standing};
use trinity_config::Shared;
use trinity_ids::{ProjectId, TenantId, UserId, WorkerId, WorkflowId};
use trinity_orchestration::{Config, MIGRATOR, build};
use trinity_proto::audit::audit_service_server::AuditServiceServer;
use trinity_proto::identity::delegation_service_server::DelegationServiceServer;
use trinity_proto::identity::environment_service_server::EnvironmentServiceServer;
use trinity_proto::identity::mail_service_server::MailServiceServer;
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::connect_request::Kind as Up;
use trinity_proto::orchestration::connect_response::Kind as Down;
use trinity_proto::orchestration::dead_letter_service_client::DeadLetterServiceClient;
use trinity_proto::orchestration::run_service_client::RunServiceClient;
use trinity_proto::orchestration::worker_service_client::WorkerServiceClient;
use trinity_proto::registry::dataset_service_server::DatasetServiceServer;
use trinity_proto::tenant::plan_service_server::PlanServiceServer;
use trinity_proto::workflow::job_service_server::JobServiceServer;
use trinity_proto::workflow::placement_service_server::PlacementServiceServer;
use trinity_proto::workflow::workflow_service_server::WorkflowServiceServer;
use trinity_proto::workflow::{Plan, PlanTask};
use trinity_rpc::{CancellationToken, Channel, Peers as Ways, Runtime, Service};
use trinity_testkit::{TestDb, TestTokens};

use uuid::Uuid;

use crate::peers::Peers;

/// How long a test waits for what must happen.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub struct Bench {
    pub db: TestDb,
    pub peers: Peers,
    pub tenant: TenantId,
    tokens: TestTokens,
    pub user: UserId,
    ways: Ways,
    shutdown: CancellationToken,
    runtime: Runtime,
    config: Config,
}

impl Bench {
    pub async fn new(concurrency: u32, lease_ms: u32) -> Self {
        Self::with(concurrency, lease_ms, |_| {}).await
    }

    /// With other settings than the usual ones.
    pub async fn with(concurrency: u32, lease_ms: u32, set: impl FnOnce(&mut Config)) -> Self {
        let db = TestDb::new("orchestration", &MIGRATOR).await;
        let tokens = TestTokens::new();
        let shared = Shared {
            // Why: nobody listens there. The engine must do without Redis.
            redis_url: "redis://127.0.0.1:1".to_owned(),
            redis_prefix: "test".to_owned(),
            service_key: tokens.service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "off".to_owned(),
            log_format: "text".to_owned(),
            peers: std::collections::BTreeMap::new(),
        };
        let ways = Ways::local("orchestration", &shared).unwrap();
        let shutdown = CancellationToken::new();
        let mut runtime = Runtime::new(&shared, ways.clone(), shutdown.clone()).unwrap();
        runtime.authenticator = tokens.authenticator();
        let peers = Peers {
            plan: Arc::new(Mutex::new(Plan::default())),
            plans: Arc::default(),
            variables: Arc::default(),
            project: ProjectId::new(),
            workflow_owner: UserId::new(),
            project_owner: UserId::new(),
            missing: Arc::default(),
            usage: Arc::default(),
            registered: Arc::default(),
            notifications: Arc::new(Mutex::new(r#"{"on_failure":{"in_app":true}}"#.to_owned())),
            barred: Arc::default(),
            mails: Arc::default(),
        };
        let guarded = |name: &'static str, routes: Routes| {
            ways.install(name, Service::new(name, &runtime, routes, || async { true }).unwrap().routes);
        };
        let jobs = JobServiceServer::new(peers.clone());
        let places = PlacementServiceServer::new(peers.clone());
        let workflows = Routes::new(WorkflowServiceServer::new(peers.clone())).add_service(jobs).add_service(places);
        guarded("workflow", workflows);
        let mails = MailServiceServer::new(peers.clone());
        let delegations = DelegationServiceServer::new(peers.clone());
        let identity = Routes::new(EnvironmentServiceServer::new(peers.clone()));
        guarded("identity", identity.add_service(mails).add_service(delegations));
        guarded("registry", Routes::new(DatasetServiceServer::new(peers.clone())));
        guarded("tenant", Routes::new(PlanServiceServer::new(peers.clone())));
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: db.url().to_owned(),
            owner_url: None,
            database_connections: 4,
            lease_ms,
            heartbeat_ms: lease_ms / 5,
            usage_interval_ms: 100,
            master_key: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=".to_owned(),
            master_key_file: None,
            egress_allow: String::new(),
            openlineage_url: None,
            run_retention_days: 365,
            log_retention_days: 7,
            notification_retention_days: 30,
        };
        set(&mut config);
        let service = build(config.clone(), runtime.clone()).await.unwrap();
        ways.install("orchestration", service.routes);
        let bench =
            Self { db, peers, tenant: TenantId::new(), tokens, user: UserId::new(), ways, shutdown, runtime, config };
        bench.limit(Limits { concurrent_tasks: Some(concurrency), ..Limits::default() });
        bench
    }

    /// Lets events leave the outbox, for which audit must take them first.
    pub fn open_outbox(&self) {
        let routes = Routes::new(AuditServiceServer::new(self.peers.clone()));
        let audit = Service::new("audit", &self.runtime, routes, || async { true }).unwrap();
        self.ways.install("audit", audit.routes);
    }

    /// Starts another replica of the service on the same database. It answers nobody, but does what it does by itself.
    pub async fn replica(&self) -> Service {
        build(self.config.clone(), self.runtime.clone()).await.unwrap()
    }

    /// Lets whoever comes from now on come to another replica. Who is connected stays where he is.
    pub async fn move_to_replica(&self) {
        self.ways.install("orchestration", self.replica().await.routes);
    }

    /// Tells the service to stop.
    pub fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Says what the plan of the bench's tenant allows.
    pub fn limit(&self, limits: Limits) {
        self.stand(Standing { limits, ..Standing::unlimited() });
    }

    /// Says how the bench's tenant stands.
    pub fn stand(&self, standing: Standing) {
        self.tokens.set_standing(self.tenant, standing);
    }

    /// Changes rows behind the service's back.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.db.admin().await).await.unwrap();
    }

    /// As `sql`, with a text that the test makes.
    pub async fn sql_text(&self, statement: String) {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut self.db.admin().await).await.unwrap();
    }

    /// The answer to a question to the database.
    pub async fn ask<T>(&self, question: &'static str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        sqlx::query_scalar(question).fetch_one(&mut self.db.admin().await).await.unwrap()
    }

    /// A token of somebody in the bench's tenant with a role there, with whom objects are shared.
    pub fn person(&self, user: UserId, role: &str, grants: &[(ObjectKind, Uuid, Level)]) -> String {
        let grant = |&(kind, id, level): &(ObjectKind, Uuid, Level)| Grant {
            id: Uuid::now_v7(),
            object: Object { kind, id },
            level,
            starts_at: None,
            expires_at: None,
        };
        let access = Access {
            tenant: trinity_access::role(role).unwrap().permissions(),
            grants: grants.iter().map(grant).collect(),
            owner: Some(user),
            ..Access::default()
        };
        self.tokens.user_with(self.tenant, user, access)
    }

    pub fn plan(&self, tasks: Vec<PlanTask>) {
        self.peers.plan.lock().unwrap().tasks = tasks;
    }

    /// Says what one workflow or job does, whatever the others do.
    pub fn plan_of(&self, id: &str, plan: Plan) {
        self.peers.plans.lock().unwrap().insert(id.to_owned(), plan);
    }

    /// A new workflow with these tasks.
    pub fn workflow(&self, tasks: Vec<PlanTask>) -> String {
        let id = WorkflowId::new().to_string();
        self.plan_of(&id, crate::peers::plan(tasks));
        id
    }

    pub fn channel(&self) -> Channel {
        self.ways.channel("orchestration").unwrap()
    }

    pub fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel())
    }

    pub fn letters(&self) -> DeadLetterServiceClient<Channel> {
        DeadLetterServiceClient::new(self.channel())
    }

    /// The workers' door, for calls besides their stream.
    pub fn worker_calls(&self) -> WorkerServiceClient<Channel> {
        WorkerServiceClient::new(self.channel())
    }

    /// A request of a service.
    pub fn service_request<T>(&self, message: T) -> tonic::Request<T> {
        request_with(&self.tokens.service(), message)
    }

    /// A request of the bench's user in the bench's tenant.
    pub fn request<T>(&self, message: T) -> tonic::Request<T> {
        self.request_of(self.tenant, message)
    }

    pub fn request_of<T>(&self, tenant: TenantId, message: T) -> tonic::Request<T> {
        request_with(&self.tokens.user(tenant, self.user, &["editor"]), message)
    }

    pub async fn execute(&self) -> String {
        self.execute_for(self.tenant).await
    }

    pub async fn execute_for(&self, tenant: TenantId) -> String {
        let message = execution(&WorkflowId::new().to_string());
        self.runs().execute_workflow(self.request_of(tenant, message)).await.unwrap().into_inner().run_id
    }

    /// Starts a run of a workflow with a context.
    pub async fn execute_with(&self, workflow: &str, context: &str) -> String {
        let context = Some(trinity_proto::common::Json::new(context));
        let message = pb::ExecuteWorkflowRequest { context, ..execution(workflow) };
        self.runs().execute_workflow(self.request(message)).await.unwrap().into_inner().run_id
    }

    /// The runs right below a run, oldest first.
    pub async fn children(&self, run: &str) -> Vec<pb::Run> {
        let message = pb::ListRunsRequest { parent_run_id: run.to_owned(), per_page: 200, ..Default::default() };
        let mut runs = self.runs().list_runs(self.request(message)).await.unwrap().into_inner().runs;
        runs.reverse();
        runs
    }

    pub async fn run(&self, id: &str) -> pb::Run {
        self.find_run(id).await.unwrap()
    }

    /// The run when it has ended, or after this time.
    pub async fn wait(&self, id: &str, timeout_ms: u32) -> Result<pb::Run, tonic::Status> {
        let message = pb::WaitForRunRequest { run_id: id.to_owned(), timeout_ms };
        Ok(self.runs().wait_for_run(self.request(message)).await?.into_inner().run.unwrap())
    }

    /// A run that may not be there yet.
    pub async fn find_run(&self, id: &str) -> Option<pb::Run> {
        let message = pb::GetRunRequest { run_id: id.to_owned() };
        self.runs().get_run(self.request(message)).await.ok()?.into_inner().run
    }

    pub async fn tasks(&self, id: &str) -> Vec<pb::Task> {
        let message = pb::ListTasksRequest { run_id: id.to_owned() };
        self.runs().list_tasks(self.request(message)).await.unwrap().into_inner().tasks
    }

    /// Waits until the run has ended in this status.
    pub async fn ended(&self, id: &str, status: pb::RunStatus) -> pb::Run {
        trinity_testkit::eventually(DEADLINE, "the end of the run", || async {
            let run = self.run(id).await;
            (run.completed_at.is_some()).then_some(run)
        })
        .await
        .tap(|run| assert_eq!(run.status(), status, "{run:?}"))
    }

    pub async fn worker(&self, slots: u32) -> Worker {
        self.worker_again(WorkerId::new(), slots).await
    }

    pub async fn worker_again(&self, id: WorkerId, slots: u32) -> Worker {
        self.worker_with(id, slots, &[]).await
    }

    /// A worker that takes tasks with these labels.
    pub async fn worker_with(&self, id: WorkerId, slots: u32, labels: &[&str]) -> Worker {
        let (up, messages) = mpsc::unbounded_channel();
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let (worker_id, name) = (id.to_string(), "test".to_owned());
        let hello = pb::Hello { worker_id, name, slots, running: Vec::new(), labels };
        up.send(pb::ConnectRequest { kind: Some(Up::Hello(hello)) }).unwrap();
        let request = request_with(&self.tokens.service(), UnboundedReceiverStream::new(messages));
        let down = WorkerServiceClient::new(self.channel()).connect(request).await.unwrap().into_inner();
        Worker { id, up, down, assigned: VecDeque::new() }
    }
}

/// A request for a run of a workflow's newest version.
pub fn execution(workflow: &str) -> pb::ExecuteWorkflowRequest {
    pb::ExecuteWorkflowRequest { workflow_id: workflow.to_owned(), ..pb::ExecuteWorkflowRequest::default() }
}

/// A request of whoever has the token.
pub fn request_with<T>(token: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A worker that does what the test says.
pub struct Worker {
    pub id: WorkerId,
    up: mpsc::UnboundedSender<pb::ConnectRequest>,
    down: tonic::Streaming<pb::ConnectResponse>,
    assigned: VecDeque<pb::AssignedTask>,
}

impl Worker {
    /// The next message, within the deadline.
    pub async fn next(&mut self) -> Down {
        let message = tokio::time::timeout(DEADLINE, self.down.message()).await.expect("a message in time");
        message.expect("a sound stream").expect("a stream that goes on").kind.unwrap()
    }

    /// The next task, passing over other messages.
    pub async fn task(&mut self) -> pb::AssignedTask {
        loop {
            if let Some(task) = self.assigned.pop_front() {
                return task;
            }
            if let Down::Assignment(assignment) = self.next().await {
                self.assigned.extend(assignment.tasks);
            }
        }
    }

    /// Waits until the engine says that it has taken a result.
    pub async fn recorded(&mut self) -> Vec<pb::TaskRef> {
        loop {
            match self.next().await {
                Down::Recorded(recorded) => return recorded.tasks,
                Down::Assignment(assignment) => self.assigned.extend(assignment.tasks),
                _ => {}
            }
        }
    }

    /// Waits until the engine asks to stop a task.
    pub async fn cancelled(&mut self) -> pb::TaskRef {
        loop {
            if let Down::Cancel(cancel) = self.next().await {
                return cancel.task.unwrap();
            }
        }
    }

    pub fn complete(&self, task: &pb::AssignedTask) {
        self.complete_with(task, Vec::new());
    }

    pub fn complete_with(&self, task: &pb::AssignedTask, outputs: Vec<pb::OutputFile>) {
        let completed = pb::TaskCompleted {
            task: task.task.clone(),
            rows_in: 10,
            rows_out: 5,
            outputs,
            ..pb::TaskCompleted::default()
        };
        self.say(Up::Completed(completed));
    }

    pub fn fail(&self, task: &pb::AssignedTask, retryable: bool) {
        let failed = pb::TaskFailed {
            task: task.task.clone(),
            code: "BAD".to_owned(),
            message: "it is bad".to_owned(),
            retryable,
        };
        self.say(Up::Failed(failed));
    }

    /// Says how many tasks it takes from now on.
    pub fn offer(&self, slots: u32) {
        let (worker_id, name) = (self.id.to_string(), "test".to_owned());
        self.say(Up::Hello(pb::Hello { worker_id, name, slots, ..pb::Hello::default() }));
    }

    pub fn beat(&self, tasks: &[&pb::AssignedTask]) {
        self.say(Up::Heartbeat(pb::Heartbeat { running: tasks.iter().filter_map(|task| task.task.clone()).collect() }));
    }

    pub fn say(&self, kind: Up) {
        self.up.send(pb::ConnectRequest { kind: Some(kind) }).unwrap();
    }
}

/// Looks at a value in passing.
pub trait Tap: Sized {
    fn tap(self, look: impl FnOnce(&Self)) -> Self {
        look(&self);
        self
    }
}

impl<T> Tap for T {}
