//! The service behind its guard, and what tests ask of it.

use tonic::Status;
use tonic_types::StatusExt;
use trinity_config::Shared;
use trinity_context::RequestContext;
use trinity_ids::{TenantId, UserId};
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_proto::tenant::{CreateTenantRequest, Tenant};
use trinity_rpc::{CancellationToken, Channel, Peers, Runtime};
use trinity_tenant::{Config, MIGRATOR};
use trinity_testkit::{TestDb, TestRedis, TestTokens};

pub struct Stack {
    pub db: TestDb,
    pub tokens: TestTokens,
    runtime: Runtime,
}

impl Stack {
    pub async fn start() -> Self {
        let (db, redis, tokens) = (TestDb::new("tenant", &MIGRATOR).await, TestRedis::new(), TestTokens::new());
        let shared = Shared {
            redis_url: redis.url,
            redis_prefix: redis.prefix,
            service_key: tokens.service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "info".to_owned(),
            log_format: "text".to_owned(),
            peers: Default::default(),
        };
        let peers = Peers::local("tenant", &shared).unwrap();
        let mut runtime = Runtime::new(&shared, peers, CancellationToken::new()).unwrap();
        runtime.authenticator = tokens.authenticator();
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            database_url: db.url().to_owned(),
            owner_url: None,
            database_connections: 8,
        };
        let service = trinity_tenant::build(config, runtime.clone()).await.unwrap();
        runtime.peers.install("tenant", service.routes);
        Self { db, tokens, runtime }
    }

    pub fn client(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.runtime.peers.channel("tenant").unwrap())
    }

    /// A request of another service.
    pub fn by_service<T>(&self, message: T) -> tonic::Request<T> {
        self.runtime.peers.request(&RequestContext::service("test"), message)
    }

    /// A request of an owner of the tenant.
    pub fn by_owner<T>(&self, tenant: TenantId, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let token = self.tokens.user(tenant, UserId::new(), &["owner"]);
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request
    }

    pub async fn create(&self, request: CreateTenantRequest) -> Result<Tenant, Status> {
        let answer = self.client().create_tenant(self.by_service(request)).await?;
        Ok(answer.into_inner().tenant.unwrap())
    }

    /// A tenant of this slug.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        self.create(CreateTenantRequest { name: slug.to_uppercase(), slug: slug.to_owned(), ..Default::default() })
            .await
            .unwrap()
    }

    /// Actions, outcomes and documents of the events of a tenant, in order.
    pub async fn events(&self, tenant: &Tenant) -> Vec<(String, Option<String>, Option<String>)> {
        sqlx::query_as(
            "SELECT action, before::text, after::text FROM tenant.outbox WHERE tenant_id = $1::uuid ORDER BY id",
        )
        .bind(&tenant.id)
        .fetch_all(&mut self.db.admin().await)
        .await
        .unwrap()
    }
}

/// The stable word of an error.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// The first field at fault.
pub fn field(status: &Status) -> String {
    status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
}
