//! The service behind its guard, and what tests ask of it.

use tonic::Status;
use tonic_types::StatusExt;
use trinity_config::Shared;
use trinity_context::RequestContext;
use trinity_ids::{StaffId, TenantId, UserId};
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_proto::tenant::{CreateTenantRequest, GetStandingRequest, GetStandingResponse, Tenant};
use trinity_rpc::{CancellationToken, Channel, Peers, Runtime, Service};
use trinity_tenant::{Config, MIGRATOR};
use trinity_testkit::{TestDb, TestRedis, TestTokens};

/// An action, and the object before and after.
pub type Told = (String, Option<String>, Option<String>);

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
        let stack = Self { db, tokens, runtime };
        let service = stack.replica().await;
        stack.runtime.peers.install("tenant", service.routes);
        stack
    }

    /// A tenant service on this database, whose jobs run at once.
    pub async fn replica(&self) -> Service {
        let config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            database_url: self.db.url().to_owned(),
            owner_url: None,
            database_connections: 8,
        };
        trinity_tenant::build(config, self.runtime.clone()).await.unwrap()
    }

    pub fn client(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.runtime.peers.channel("tenant").unwrap())
    }

    pub fn plans(&self) -> PlanServiceClient<Channel> {
        PlanServiceClient::new(self.runtime.peers.channel("tenant").unwrap())
    }

    /// A request of another service.
    pub fn by_service<T>(&self, message: T) -> tonic::Request<T> {
        self.runtime.peers.request(&RequestContext::service("test"), message)
    }

    /// A request of an operator of the installation.
    pub fn by_staff<T>(&self, message: T) -> tonic::Request<T> {
        with_token(message, &self.tokens.staff(StaffId::new()))
    }

    /// A request of an owner of the tenant.
    pub fn by_owner<T>(&self, tenant: &Tenant, message: T) -> tonic::Request<T> {
        self.by(tenant, "owner", message)
    }

    /// A request of somebody of the tenant.
    pub fn by<T>(&self, tenant: &Tenant, role: &str, message: T) -> tonic::Request<T> {
        with_token(message, &self.tokens.user(id(tenant), UserId::new(), &[role]))
    }

    pub async fn create(&self, request: CreateTenantRequest) -> Result<Tenant, Status> {
        let answer = self.client().create_tenant(self.by_staff(request)).await?;
        Ok(answer.into_inner().tenant.unwrap())
    }

    /// A tenant of this slug.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        self.create(CreateTenantRequest { name: slug.to_uppercase(), slug: slug.to_owned(), ..Default::default() })
            .await
            .unwrap()
    }

    pub async fn standing(&self, tenant: &Tenant) -> GetStandingResponse {
        let request = self.by_service(GetStandingRequest { tenant_id: tenant.id.clone() });
        self.client().get_standing(request).await.unwrap().into_inner()
    }

    /// Actions and documents of the events of a tenant, in order.
    pub async fn events(&self, tenant: &Tenant) -> Vec<Told> {
        self.events_of(id(tenant)).await
    }

    /// The same of the installation's own trail.
    pub async fn platform_events(&self) -> Vec<Told> {
        self.events_of(TenantId::NIL).await
    }

    async fn events_of(&self, tenant: TenantId) -> Vec<Told> {
        sqlx::query_as("SELECT action, before::text, after::text FROM tenant.outbox WHERE tenant_id = $1 ORDER BY id")
            .bind(tenant)
            .fetch_all(&mut self.db.admin().await)
            .await
            .unwrap()
    }
}

fn with_token<T>(message: T, token: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

pub fn id(tenant: &Tenant) -> TenantId {
    tenant.id.parse().unwrap()
}

/// The actions of events.
pub fn actions(events: &[Told]) -> Vec<&str> {
    events.iter().map(|event| event.0.as_str()).collect()
}

/// The stable word of an error.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// The first field at fault.
pub fn field(status: &Status) -> String {
    status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
}
