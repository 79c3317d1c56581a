//! A gateway and its peer on free ports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;
use trinity_authz::Authenticator;
use trinity_config::Shared;
use trinity_gateway::{Config, Server};
use trinity_ids::{TenantId, UserId};
use trinity_rpc::{CancellationToken, Peers, Runtime};
use trinity_testkit::TestTokens;

use crate::peer::State;

/// How long a test waits for anything.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Stack {
    pub base: String,
    pub http: Client,
    pub tokens: Arc<TestTokens>,
    pub authenticator: Arc<Authenticator>,
    /// An owner of `tenant`.
    pub token: String,
    pub tenant: TenantId,
    pub peer: Arc<State>,
    pub health: HealthReporter,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<anyhow::Result<()>>,
}

/// What gateways of one installation share.
pub struct Installation {
    pub tokens: Arc<TestTokens>,
    pub redis_url: String,
    pub redis_prefix: String,
    /// Instead of the one that knows `tokens`.
    pub authenticator: Option<Arc<Authenticator>>,
}

impl Default for Installation {
    /// Redis is away.
    fn default() -> Self {
        let redis_url = "redis://127.0.0.1:1".to_owned();
        Self { tokens: Arc::new(TestTokens::new()), redis_url, redis_prefix: "test".to_owned(), authenticator: None }
    }
}

const SERVICES: [&str; 6] = ["tenant", "identity", "registry", "workflow", "orchestration", "audit"];

/// Starts a peer that is all services at once, and a gateway in front of it, over the network.
pub async fn start(adjust: impl FnOnce(&mut Config)) -> Stack {
    start_in(&Installation::default(), adjust).await
}

/// As [`start`], a gateway of an installation.
pub async fn start_in(installation: &Installation, adjust: impl FnOnce(&mut Config)) -> Stack {
    let (health, health_service) = tonic_health::server::health_reporter();
    let peer = Arc::new(State::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_routes(Routes::from(crate::peer::routes(&peer)).add_service(health_service))
        .serve_with_incoming(TcpListenerStream::new(listener));
    trinity_telemetry::spawn("peer", async move { server.await.unwrap() });
    gateway(
        installation,
        peer,
        health,
        |shared| {
            shared.peers = SERVICES.iter().map(|name| ((*name).to_owned(), url.clone())).collect();
            Peers::remote("gateway", shared).unwrap()
        },
        adjust,
    )
    .await
}

/// As [`start`], with the peer in the gateway's own process.
pub async fn start_in_process() -> Stack {
    let (health, health_service) = tonic_health::server::health_reporter();
    let peer = Arc::new(State::default());
    let routes = Routes::from(crate::peer::routes(&peer)).add_service(health_service);
    gateway(
        &Installation::default(),
        peer,
        health,
        |shared| {
            let peers = Peers::local("gateway", shared).unwrap();
            SERVICES.iter().for_each(|name| peers.install(name, routes.clone()));
            peers
        },
        |_| (),
    )
    .await
}

async fn gateway(
    installation: &Installation,
    peer: Arc<State>,
    health: HealthReporter,
    peers: impl FnOnce(&mut Shared) -> Peers,
    adjust: impl FnOnce(&mut Config),
) -> Stack {
    for name in SERVICES {
        health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
    let tokens = Arc::clone(&installation.tokens);
    let variables = BTreeMap::from([
        ("TRINITY_REDIS_URL".to_owned(), installation.redis_url.clone()),
        ("TRINITY_REDIS_PREFIX".to_owned(), installation.redis_prefix.clone()),
        ("TRINITY_SERVICE_KEY".to_owned(), tokens.service_seed().to_owned()),
    ]);
    let mut shared = trinity_config::load_shared_from(&variables).unwrap();
    let shutdown = CancellationToken::new();
    let peers = peers(&mut shared);
    let mut runtime = Runtime::new(&shared, peers, shutdown.clone()).unwrap();
    runtime.authenticator = installation.authenticator.clone().unwrap_or_else(|| tokens.authenticator());

    let mut config = Config { listen: "127.0.0.1:0".parse().unwrap(), drain_delay_ms: 0, ..Config::default() };
    adjust(&mut config);
    let server = Server::bind(config, &runtime, Vec::new(), None).await.unwrap();
    let base = format!("http://{}", server.local_addr().unwrap());
    let serving = background(server.serve());
    let tenant = TenantId::new();
    let token = tokens.user(tenant, UserId::new(), &["owner"]);
    let (http, authenticator) = (Client::new(), runtime.authenticator);
    Stack { base, http, tokens, authenticator, token, tenant, peer, health, shutdown, serving }
}

impl Stack {
    /// A request with the token, below `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(&self.token)
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// Creates a project whose id is its name.
    pub async fn create_project(&self, name: &str) {
        let body = format!("{{\"name\":\"{name}\",\"app\":\"weather\"}}");
        let response =
            self.post("/projects").header("content-type", "application/json").body(body).send().await.unwrap();
        assert_eq!(response.status(), 201);
    }
}

/// Sends a request; gives status and body.
pub async fn send(request: RequestBuilder) -> (u16, Value) {
    let response = request.timeout(LIMIT).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")))
}

/// Sends a request that must be refused; gives status, code and details, after checking the envelope.
pub async fn refused(request: RequestBuilder) -> (u16, String, Value) {
    let (status, body) = send(request).await;
    assert_eq!(body["success"], false, "{body}");
    assert!(body["error"]["message"].is_string() && body["error"]["details"].is_object(), "{body}");
    assert!(body["meta"]["request_id"].is_string() && body["meta"]["version"] == "v1", "{body}");
    (status, body["error"]["code"].as_str().unwrap().to_owned(), body["error"]["details"].clone())
}

/// Runs a future beside the test.
pub fn background<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    #[expect(clippy::disallowed_methods, reason = "the test awaits it")]
    tokio::spawn(future)
}
