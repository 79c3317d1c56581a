//! An orchestration that hands its connections to the test, and a worker that talks to it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use base64::Engine as _;
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use tokio_stream::{
    StreamExt,
    wrappers::{TcpListenerStream, UnboundedReceiverStream},
};
use tonic::{Request, Response, Status, Streaming, service::Routes, transport::Server};
use trinity_proto::{
    common::Json,
    orchestration::{
        self as pb, connect_request, connect_response,
        worker_service_server::{WorkerService, WorkerServiceServer},
    },
};
use trinity_rpc::{CancellationToken, Peers};
use trinity_storage::{Storage, layout::ProjectFolder};
use trinity_worker::Config;

pub const PATIENCE: Duration = Duration::from_secs(60);
pub const DATASET: &str = "0190a1b2-0000-7000-8000-000000000001";

/// One connection of a worker.
pub struct Connection {
    pub hello: pb::Hello,
    pub token: String,
    out: mpsc::UnboundedSender<Result<pb::ConnectResponse, Status>>,
    messages: Streaming<pb::ConnectRequest>,
}

impl Connection {
    pub fn say(&self, kind: connect_response::Kind) {
        self.out.send(Ok(pb::ConnectResponse { kind: Some(kind) })).unwrap();
    }

    pub fn welcome(&self) {
        self.say(connect_response::Kind::Welcome(pb::Welcome { lease_ms: 10_000, heartbeat_ms: 50 }));
    }

    pub fn assign(&self, tasks: Vec<pb::AssignedTask>) {
        self.say(connect_response::Kind::Assignment(pb::Assignment { tasks }));
    }

    pub fn cancel(&self, task: &pb::AssignedTask) {
        self.say(connect_response::Kind::Cancel(pb::CancelTask { task: task.task.clone() }));
    }

    pub fn record(&self, task: &pb::AssignedTask) {
        self.say(connect_response::Kind::Recorded(pb::Recorded { tasks: vec![task.task.clone().unwrap()] }));
    }

    /// The next message that `pick` takes; others are passed over.
    pub async fn next<T>(&mut self, what: &str, mut pick: impl FnMut(connect_request::Kind) -> Option<T>) -> T {
        let found = async {
            loop {
                let message = self.messages.next().await.expect("the worker hung up").unwrap();
                if let Some(found) = message.kind.and_then(&mut pick) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{what} did not come"))
    }

    /// The next result, good or bad.
    pub async fn ending(&mut self) -> connect_request::Kind {
        let is_ending = |kind: &connect_request::Kind| {
            matches!(kind, connect_request::Kind::Completed(_) | connect_request::Kind::Failed(_))
        };
        self.next("a result", |kind| is_ending(&kind).then_some(kind)).await
    }

    pub async fn completed(&mut self) -> pb::TaskCompleted {
        match self.ending().await {
            connect_request::Kind::Completed(completed) => completed,
            other => panic!("{other:?}"),
        }
    }

    pub async fn failed(&mut self) -> pb::TaskFailed {
        match self.ending().await {
            connect_request::Kind::Failed(failed) => failed,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a heartbeat that names these tasks and no others.
    pub async fn heartbeat(&mut self, tasks: &[&pb::AssignedTask]) {
        let mut wanted: Vec<String> = tasks.iter().map(|task| task.task.as_ref().unwrap().task_id.clone()).collect();
        wanted.sort();
        self.next("the heartbeat", |kind| match kind {
            connect_request::Kind::Heartbeat(heartbeat) => {
                let mut held: Vec<String> = heartbeat.running.into_iter().map(|task| task.task_id).collect();
                held.sort();
                (held == wanted).then_some(())
            }
            _ => None,
        })
        .await;
    }
}

/// The variables of the person who answers for every run here.
pub const VARIABLES: [(&str, &str); 1] = [("API_TOKEN", "Bearer 0123456789abcdef")];

struct Door(mpsc::UnboundedSender<Connection>);

#[tonic::async_trait]
impl WorkerService for Door {
    type ConnectStream = UnboundedReceiverStream<Result<pb::ConnectResponse, Status>>;

    async fn connect(
        &self,
        request: Request<Streaming<pb::ConnectRequest>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = token.to_owned();
        let mut messages = request.into_inner();
        let first = messages.next().await.unwrap()?.kind.unwrap();
        let connect_request::Kind::Hello(hello) = first else { panic!("{first:?} before hello") };
        let (out, answers) = mpsc::unbounded_channel();
        self.0.send(Connection { hello, token, out, messages }).unwrap();
        Ok(Response::new(UnboundedReceiverStream::new(answers)))
    }

    async fn reveal_secrets(
        &self,
        request: Request<pb::RevealSecretsRequest>,
    ) -> Result<Response<pb::RevealSecretsResponse>, Status> {
        assert!(request.metadata().contains_key("authorization"), "the worker does not say who it is");
        let request = request.into_inner();
        assert!(request.task.is_some_and(|task| task.attempt == 1 && task.run_id == "r"), "no lease");
        let known = VARIABLES.iter().filter(|(name, _)| request.names.iter().any(|asked| asked == name));
        let values = known.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(Response::new(pb::RevealSecretsResponse { values }))
    }
}

/// A worker under test with its store.
pub struct Bench {
    _folder: tempfile::TempDir,
    pub storage: Storage,
    pub shared: trinity_config::Shared,
    pub shutdown: CancellationToken,
    connections: mpsc::UnboundedReceiver<Connection>,
    running: JoinSet<anyhow::Result<()>>,
}

impl Bench {
    /// A worker that reaches its orchestration over TCP.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let (door, connections) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut running = JoinSet::new();
        running.spawn(async move {
            let server = Server::builder().add_service(WorkerServiceServer::new(Door(door)));
            Ok(server.serve_with_incoming(TcpListenerStream::new(listener)).await?)
        });
        let shared = shared(&url);
        let peers = Peers::remote("worker", &shared).unwrap();
        Self::with(shared, peers, connections, running, change)
    }

    /// A worker in the same process as its orchestration.
    pub fn start_in_process() -> Self {
        let (door, connections) = mpsc::unbounded_channel();
        let shared = shared("http://127.0.0.1:1");
        let peers = Peers::local("worker", &shared).unwrap();
        peers.install("orchestration", Routes::new(WorkerServiceServer::new(Door(door))));
        Self::with(shared, peers, connections, JoinSet::new(), |_| {})
    }

    fn with(
        shared: trinity_config::Shared,
        peers: Peers,
        connections: mpsc::UnboundedReceiver<Connection>,
        mut running: JoinSet<anyhow::Result<()>>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}/store", folder.path().display());
        let variables = BTreeMap::from([("TRINITY_WORKER_STORAGE_URL".to_owned(), url.clone())]);
        let mut config: Config = trinity_config::load_from("worker", &variables).unwrap();
        config.runner_program = Some(PathBuf::from(env!("CARGO_BIN_EXE_trinity-worker")));
        config.spill_dir = folder.path().join("spill");
        change(&mut config);
        let shutdown = CancellationToken::new();
        running.spawn(trinity_worker::serve(config, peers, shutdown.clone()));
        let storage = Storage::open(&url).unwrap();
        Self { _folder: folder, storage, shared, shutdown, connections, running }
    }

    /// The next connection of the worker, not yet welcomed.
    pub async fn connection(&mut self) -> Connection {
        let next = tokio::time::timeout(PATIENCE, self.connections.recv()).await;
        next.expect("the worker did not connect").unwrap()
    }

    pub async fn welcomed(&mut self) -> Connection {
        let connection = self.connection().await;
        connection.welcome();
        connection
    }

    /// Waits for the worker's own end.
    pub async fn ended(&mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.running.join_next()).await.expect("the worker goes on");
        ended.unwrap().unwrap().unwrap();
    }

    pub async fn dataset(&self, csv: &str) -> pb::InputFile {
        let key = ProjectFolder::new("t", "p").shared_file(DATASET, "csv");
        let stored = self.storage.put_bytes(&key, csv.to_owned()).await.unwrap();
        pb::InputFile {
            dataset_id: DATASET.into(),
            storage_key: key,
            format: "csv".into(),
            content_hash: stored.content_hash,
        }
    }
}

fn shared(orchestration: &str) -> trinity_config::Shared {
    let variables = [
        ("TRINITY_REDIS_URL", "redis://127.0.0.1:1"),
        ("TRINITY_SERVICE_KEY", &base64::engine::general_purpose::STANDARD.encode([7; 32])),
        ("TRINITY_PEERS_ORCHESTRATION", orchestration),
    ];
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    trinity_config::load_shared_from(&variables).unwrap()
}

/// A task; `id` makes its folder its own.
pub fn task(id: &str, atom: &str, config: &Value) -> pb::AssignedTask {
    let workflow = ProjectFolder::new("t", "p").workflow("w");
    pb::AssignedTask {
        task: Some(pb::TaskRef {
            task_id: id.into(),
            attempt: 1,
            tenant_id: "t".into(),
            run_id: "r".into(),
            ordinal: 3,
        }),
        tenant_id: "t".into(),
        project_id: "p".into(),
        workflow_id: "w".into(),
        run_id: "r".into(),
        place: format!("prep.{id}"),
        atom: atom.into(),
        atom_version: "1.0.0".into(),
        config: Some(Json::new(config.to_string())),
        output_prefix: workflow.output_prefix("r", id, 1),
        cache_prefix: workflow.cache_prefix(),
        ..pb::AssignedTask::default()
    }
}
