//! An audit service that listens, with a database and callers of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgConnection;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use trinity_audit::{Config, MIGRATOR};
use trinity_ids::{EventId, StaffId, TenantId, UserId};
use trinity_proto::Timestamp;
use trinity_proto::audit as pb;
use trinity_proto::audit::audit_service_client::AuditServiceClient;
use trinity_proto::audit::platform_audit_service_client::PlatformAuditServiceClient;
use trinity_proto::common::Json;
use trinity_rpc::{CancellationToken, Peers, Runtime};
use trinity_testkit::{TestDb, TestRedis, TestTokens, eventually, free_port};

pub const LIMIT: Duration = Duration::from_secs(20);
/// 2026-11-20.
pub const NOW: i64 = 1_795_132_800;

pub struct Stand {
    pub db: TestDb,
    pub tenant: TenantId,
    tokens: TestTokens,
    config: Config,
    channel: Channel,
    shutdown: CancellationToken,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Stand {
    /// Checkpoints come with every 10 records, and not by time.
    pub async fn new() -> Self {
        Self::with(10, 3600).await
    }

    pub async fn with(checkpoint_events: u32, checkpoint_interval_s: u32) -> Self {
        let db = TestDb::new("audit", &MIGRATOR).await;
        let (tokens, shutdown) = (TestTokens::new(), CancellationToken::new());
        let config = Config {
            listen: ([127, 0, 0, 1], free_port()).into(),
            database_url: db.url().to_owned(),
            owner_url: None,
            database_connections: 8,
            signing_key: tokens.service_seed().to_owned(),
            checkpoint_events,
            checkpoint_interval_s,
        };
        let channel = serve(config.clone(), &tokens, &shutdown).await;
        Self { db, tenant: TenantId::new(), tokens, config, channel, shutdown }
    }

    /// The client of another audit service on the same database, which signs with a key of its own.
    pub async fn rival(&self) -> AuditServiceClient<Channel> {
        let listen = ([127, 0, 0, 1], free_port()).into();
        let signing_key = TestTokens::new().service_seed().to_owned();
        let config = Config { listen, signing_key, ..self.config.clone() };
        AuditServiceClient::new(serve(config, &self.tokens, &self.shutdown).await)
    }

    /// A request of another service.
    pub fn service_says<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.tokens.service())
    }

    pub fn client(&self) -> AuditServiceClient<Channel> {
        AuditServiceClient::new(self.channel.clone())
    }

    pub fn platform(&self) -> PlatformAuditServiceClient<Channel> {
        PlatformAuditServiceClient::new(self.channel.clone())
    }

    /// A request of an operator of the installation.
    pub fn staff_says<T>(&self, message: T) -> Request<T> {
        with_token(message, &self.tokens.staff(StaffId::new()))
    }

    /// A request of somebody of a tenant.
    pub fn says<T>(&self, tenant: TenantId, role: &str, message: T) -> Request<T> {
        with_token(message, &self.tokens.user(tenant, UserId::new(), &[role]))
    }

    pub async fn append(&self, events: Vec<pb::NewEvent>) -> Result<(), Status> {
        let request = self.service_says(pb::AppendBatchRequest { events });
        self.client().append_batch(request).await.map(|_| ())
    }

    /// Adds records about the objects 1 to `count`.
    pub async fn append_many(&self, count: u32) {
        self.append((1..=count).map(|n| event(self.tenant, n)).collect()).await.unwrap();
    }

    pub async fn list(&self, request: pb::ListEventsRequest) -> Result<pb::ListEventsResponse, Status> {
        Ok(self.client().list_events(self.says(self.tenant, "admin", request)).await?.into_inner())
    }

    pub async fn verify(&self) -> pb::VerifyChainResponse {
        let request = self.says(self.tenant, "admin", pb::VerifyChainRequest {});
        self.client().verify_chain(request).await.unwrap().into_inner()
    }

    /// A superuser, who is above row-level security and grants.
    pub async fn intruder(&self) -> PgConnection {
        let mut intruder = self.db.admin().await;
        sqlx::query("SET search_path = audit").execute(&mut intruder).await.unwrap();
        intruder
    }
}

async fn serve(config: Config, tokens: &TestTokens, shutdown: &CancellationToken) -> Channel {
    let redis = TestRedis::new();
    let variables = BTreeMap::from([
        ("TRINITY_REDIS_URL".to_owned(), redis.url),
        ("TRINITY_REDIS_PREFIX".to_owned(), redis.prefix),
        ("TRINITY_SERVICE_KEY".to_owned(), tokens.service_seed().to_owned()),
    ]);
    let shared = trinity_config::load_shared_from(&variables).unwrap();
    let mut runtime = Runtime::new(&shared, Peers::local("audit", &shared).unwrap(), shutdown.clone()).unwrap();
    runtime.authenticator = tokens.authenticator();
    let (listen, stop) = (config.listen, shutdown.clone());
    let service = trinity_audit::build(config, runtime).await.unwrap();
    trinity_telemetry::spawn("served", async move { trinity_rpc::serve(listen, vec![service], stop).await.unwrap() });
    let endpoint = Endpoint::from_shared(format!("http://{listen}")).unwrap();
    eventually(LIMIT, "audit to listen", || async { endpoint.connect().await.ok() }).await
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// A record about the object `n`.
pub fn event(tenant: TenantId, n: u32) -> pb::NewEvent {
    pb::NewEvent {
        id: EventId::new().to_string(),
        tenant_id: tenant.to_string(),
        action: if n.is_multiple_of(2) { "project.update" } else { "project.create" }.to_owned(),
        outcome: "OK".to_owned(),
        actor: Some(pb::Actor { r#type: "user".into(), id: format!("actor-{}", n % 3), name: "Anna".into() }),
        object_type: "project".to_owned(),
        object_id: format!("object-{n}"),
        object_name: "Weather".to_owned(),
        before: None,
        after: Some(Json::new(r#"{"z": 12345678901234567890123,  "a": 1.10}"#)),
        ip: "10.0.0.1".to_owned(),
        user_agent: "curl".to_owned(),
        request_id: format!("request-{n}"),
        trace_id: String::new(),
        created_at: Some(Timestamp { seconds: NOW + i64::from(n), nanos: 123_456_789 }),
    }
}

/// The first field that a refusal names.
pub fn field(status: &Status) -> String {
    use tonic_types::StatusExt;
    let violations = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    violations.into_iter().next().map(|violation| violation.field).unwrap_or_default()
}
