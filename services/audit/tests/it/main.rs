//! The audit service on a real Postgres, behind its real gRPC door, and a database administrator who tampers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use trinity_audit::{Config, MIGRATOR, build};
use trinity_config::Shared;
use trinity_ids::{EventId, TenantId, UserId};
use trinity_proto::Timestamp;
use trinity_proto::audit as pb;
use trinity_proto::audit::audit_service_client::AuditServiceClient;
use trinity_proto::common::Json;
use trinity_rpc::{CancellationToken, Channel, Peers, Runtime};
use trinity_testkit::{TestDb, TestTokens};

struct Bench {
    db: TestDb,
    tokens: TestTokens,
    client: AuditServiceClient<Channel>,
    tenant: TenantId,
    shutdown: CancellationToken,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Bench {
    async fn new() -> Self {
        let db = TestDb::new("audit", &MIGRATOR).await;
        let tokens = TestTokens::new();
        let shared = Shared {
            redis_url: "redis://127.0.0.1:1".to_owned(),
            redis_prefix: "test".to_owned(),
            service_key: tokens.service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "off".to_owned(),
            log_format: "text".to_owned(),
            peers: BTreeMap::new(),
        };
        let peers = Peers::local("audit", &shared).unwrap();
        let shutdown = CancellationToken::new();
        let mut runtime = Runtime::new(&shared, peers.clone(), shutdown.clone()).unwrap();
        runtime.authenticator = tokens.authenticator();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: db.url().to_owned(),
            owner_url: None,
            database_connections: 4,
            signing_key: STANDARD.encode([5u8; 32]),
        };
        let service = build(config, runtime).await.unwrap();
        peers.install("audit", service.routes);
        let client = AuditServiceClient::new(peers.channel("audit").unwrap());
        Self { db, tokens, client, tenant: TenantId::new(), shutdown }
    }

    async fn append(&self, events: Vec<pb::NewEvent>) -> Result<(), tonic::Status> {
        let mut request = tonic::Request::new(pb::AppendBatchRequest { events });
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.tokens.service()).parse().unwrap());
        self.client.clone().append_batch(request).await.map(drop)
    }

    fn request_of<T>(&self, tenant: TenantId, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let token = self.tokens.user(tenant, UserId::new(), &["admin"]);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    async fn list(&self, message: pb::ListEventsRequest) -> Result<pb::ListEventsResponse, tonic::Status> {
        self.client.clone().list_events(self.request_of(self.tenant, message)).await.map(tonic::Response::into_inner)
    }

    async fn verify(&self) -> pb::VerifyChainResponse {
        let request = self.request_of(self.tenant, pb::VerifyChainRequest {});
        self.client.clone().verify_chain(request).await.unwrap().into_inner()
    }

    /// As the administrator of the database: no policy and no grant stops him.
    async fn tamper(&self, statement: &'static str) {
        let mut admin = self.db.admin().await;
        sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
    }

    fn event(&self, action: &str) -> pb::NewEvent {
        event(self.tenant, action)
    }
}

fn event(tenant: TenantId, action: &str) -> pb::NewEvent {
    pb::NewEvent {
        id: EventId::new().to_string(),
        tenant_id: tenant.to_string(),
        action: action.to_owned(),
        outcome: "OK".to_owned(),
        actor: Some(pb::Actor { r#type: "user".to_owned(), id: "u1".to_owned(), name: String::new() }),
        object_type: "project".to_owned(),
        object_id: "p1".to_owned(),
        object_name: "P".to_owned(),
        after: Some(Json::new(r#"{"z": 1, "a": 123456789012345678901234567890}"#)),
        created_at: Some(Timestamp::from(std::time::SystemTime::now())),
        ..pb::NewEvent::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_linked_listed_and_verified() {
    let bench = Bench::new().await;
    bench.append(vec![bench.event("a"), bench.event("b"), event(TenantId::new(), "foreign")]).await.unwrap();
    bench.append(vec![bench.event("c")]).await.unwrap();
    let first = bench.list(pb::ListEventsRequest { per_page: 2, ..pb::ListEventsRequest::default() }).await.unwrap();
    let actions: Vec<&str> = first.events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["c", "b"]);
    assert_eq!(first.events[0].after.as_ref().unwrap().text, r#"{"z": 1, "a": 123456789012345678901234567890}"#);
    let token = first.page.unwrap().next_page_token;
    let more = pb::ListEventsRequest { per_page: 2, page_token: token.clone(), ..pb::ListEventsRequest::default() };
    let second = bench.list(more.clone()).await.unwrap();
    assert_eq!(second.events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1]);
    let other_query = pb::ListEventsRequest { action: "a".to_owned(), ..more.clone() };
    assert_eq!(bench.list(other_query).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let foreign = bench.client.clone().list_events(bench.request_of(TenantId::new(), more)).await.unwrap_err();
    assert_eq!(foreign.code(), tonic::Code::InvalidArgument);
    let verified = bench.verify().await;
    assert!(verified.valid, "{verified:?}");
    assert_eq!(verified.events, 3);
    assert_eq!(verified.head_hash, first.events[0].hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_and_at_once_is_added_once() {
    let bench = Bench::new().await;
    let events: Vec<_> = (0..50).map(|n| bench.event(&format!("a{n}"))).collect();
    let batches = (0..8).map(|_| bench.append(events.clone()));
    let mut handles = Vec::new();
    for batch in batches {
        handles.push(batch);
    }
    let (one, two, three, four) = {
        let mut handles = handles.into_iter();
        tokio::join!(handles.next().unwrap(), handles.next().unwrap(), handles.next().unwrap(), handles.next().unwrap())
    };
    for done in [one, two, three, four] {
        done.unwrap();
    }
    let verified = bench.verify().await;
    assert!(verified.valid, "{verified:?}");
    assert_eq!(verified.events, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_serving_role_cannot_change_the_trail() {
    let bench = Bench::new().await;
    bench.append(vec![bench.event("a")]).await.unwrap();
    let ctx = trinity_context::RequestContext::service("test").for_tenant(bench.tenant);
    for statement in ["UPDATE events SET action = 'x'", "DELETE FROM events", "TRUNCATE events", "DELETE FROM checkpoints"] {
        let mut tx = bench.db.db().begin(&ctx).await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
}

/// What an administrator does, and where it must show.
async fn is_found(statement: &'static str, sequence: u64) {
    let bench = Bench::new().await;
    let events = (0..250).map(|n| bench.event(&format!("a{n}"))).collect();
    bench.append(events).await.unwrap();
    assert!(bench.verify().await.valid);
    bench.tamper(statement).await;
    let found = bench.verify().await;
    assert!(!found.valid, "{statement}");
    assert_eq!(found.first_bad_sequence, Some(sequence), "{statement}: {:?}", found.problem);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_event_is_found() {
    is_found("UPDATE audit.events SET action = 'x' WHERE sequence = 17", 17).await;
    is_found("UPDATE audit.events SET after = '{\"a\": 1}' WHERE sequence = 120", 120).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_event_and_a_cut_off_tail_are_found() {
    is_found("DELETE FROM audit.events WHERE sequence = 17", 17).await;
    is_found("DELETE FROM audit.events WHERE sequence > 240", 241).await;
    is_found("DELETE FROM audit.events WHERE sequence > 150; DELETE FROM audit.chains", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_another_order_are_found() {
    is_found(
        "UPDATE audit.events SET sequence = -1 WHERE sequence = 17;
        UPDATE audit.events SET sequence = 17 WHERE sequence = 18;
        UPDATE audit.events SET sequence = 18 WHERE sequence = -1",
        17,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_signature_is_found() {
    is_found("UPDATE audit.checkpoints SET signature = decode(repeat('00', 64), 'hex') WHERE sequence = 100", 100).await;
    is_found("UPDATE audit.chains SET signature = decode(repeat('00', 64), 'hex')", 250).await;
}
