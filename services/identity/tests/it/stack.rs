//! Both services behind their guards, with the directory that every process has, and what tests ask of them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::postgres::PgArguments;
use sqlx::{Connection, PgConnection};
use tonic::Status;
use tonic_types::StatusExt;
use trinity_config::Shared;
use trinity_context::RequestContext;
use trinity_identity::{Config, MIGRATOR};
use trinity_proto::identity::auth_service_client::AuthServiceClient;
use trinity_proto::identity::environment_service_client::EnvironmentServiceClient;
use trinity_proto::identity::{
    CreateFirstOwnerRequest, CreateUserRequest, LoginRequest, LoginResponse, LoginStaffRequest, LoginStaffResponse,
    RefreshTokenRequest, RefreshTokenResponse, User,
};
use trinity_proto::tenant::{CreateTenantRequest, SuspendTenantRequest};
use trinity_rpc::{CancellationToken, Channel, Peers, Runtime, Service};
use trinity_testkit::{TestDb, TestRedis, TestTokens, eventually};

use crate::objects::Objects;

pub const PASSWORD: &str = "violin gravel ostrich";
pub const READY_LIMIT: Duration = Duration::from_secs(20);

/// The first member of staff.
pub const STAFF: &str = "staff@trinity.example";

pub struct Stack {
    pub db: TestDb,
    pub runtime: Runtime,
    /// What there is in the services that are not here.
    pub objects: Objects,
    /// The token of the first member of staff.
    pub staff_token: String,
}

impl Stack {
    pub async fn start() -> Self {
        let db = TestDb::with(&[("tenant", &trinity_tenant::MIGRATOR), ("identity", &MIGRATOR)]).await;
        let redis = TestRedis::new();
        let shared = Shared {
            redis_url: redis.url,
            redis_prefix: redis.prefix,
            service_key: TestTokens::new().service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "info".to_owned(),
            log_format: "text".to_owned(),
            peers: Default::default(),
        };
        let peers = Peers::local("identity", &shared).unwrap();
        let runtime = Runtime::new(&shared, peers, CancellationToken::new()).unwrap();
        let config = trinity_tenant::Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            database_url: db.urls("tenant").serve.clone(),
            owner_url: None,
            database_connections: 8,
        };
        let tenant = trinity_tenant::build(config, runtime.named("tenant")).await.unwrap();
        runtime.peers.install("tenant", tenant.routes);
        let objects = Objects::default();
        runtime.peers.install("registry", objects.routes());
        runtime.peers.install("workflow", objects.routes());
        let mut stack = Self { db, runtime, objects, staff_token: String::new() };
        let identity = stack.ready_replica().await;
        stack.runtime.peers.install("identity", identity.routes);
        trinity_identity::create_staff(&stack.config(), STAFF, PASSWORD, "The Staff").await.unwrap();
        stack.staff_token = stack.login_staff(STAFF, PASSWORD).await.unwrap().access_token;
        stack
    }

    pub fn config(&self) -> Config {
        Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            database_url: self.db.urls("identity").serve.clone(),
            owner_url: None,
            database_connections: 8,
            master_key: STANDARD.encode([7; 32]),
            master_key_file: None,
            previous_master_key: None,
            environment: "test".to_owned(),
            session_days: 30,
            smtp_url: None,
            mail_folder: None,
            mail_from: None,
            public_url: None,
        }
    }

    /// Another identity service on the same database.
    pub async fn replica(&self) -> Service {
        self.replica_with(self.config()).await
    }

    /// As [`Stack::replica`], with other settings.
    pub async fn replica_with(&self, config: Config) -> Service {
        trinity_identity::build(config, self.runtime.clone()).await.unwrap()
    }

    pub async fn ready_replica(&self) -> Service {
        let service = self.replica().await;
        wait_ready(&service).await;
        service
    }

    /// A request of another service.
    pub fn by_service<T>(&self, message: T) -> tonic::Request<T> {
        self.runtime.peers.request(&RequestContext::service("test"), message)
    }

    /// A request of the first member of staff.
    pub fn by_staff<T>(&self, message: T) -> tonic::Request<T> {
        with_token(&self.staff_token, message)
    }

    pub async fn login_staff(&self, email: &str, password: &str) -> Result<LoginStaffResponse, Status> {
        let request = LoginStaffRequest { email: email.to_owned(), password: password.to_owned() };
        Ok(self.staff().login_staff(request).await?.into_inner())
    }

    /// As every service does when it hears of a change in the tenant of a login.
    pub fn forget(&self, login: &LoginResponse) {
        self.runtime.authenticator.forget_access(tenant_of(login).parse().unwrap());
    }

    /// A tenant without users; the answer is its id.
    pub async fn empty_tenant(&self, slug: &str) -> String {
        let domains = vec![format!("{slug}.example")];
        let request =
            CreateTenantRequest { name: slug.to_owned(), slug: slug.to_owned(), domains, ..Default::default() };
        let answer = self.tenants().create_tenant(self.by_staff(request)).await.unwrap();
        answer.into_inner().tenant.unwrap().id
    }

    /// A tenant with `owner@<slug>.example`, who is signed in.
    pub async fn tenant(&self, slug: &str) -> LoginResponse {
        let tenant_id = self.empty_tenant(slug).await;
        self.first_owner(&tenant_id, &format!("owner@{slug}.example")).await.unwrap();
        self.login(slug, &format!("owner@{slug}.example"), PASSWORD).await.unwrap()
    }

    pub async fn first_owner(&self, tenant_id: &str, email: &str) -> Result<User, Status> {
        let request = CreateFirstOwnerRequest {
            tenant_id: tenant_id.to_owned(),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            full_name: "The Owner".to_owned(),
        };
        let answer = self.staff().create_first_owner(self.by_staff(request)).await?;
        Ok(answer.into_inner().user.unwrap())
    }

    pub async fn suspend(&self, tenant_id: &str) {
        let request = SuspendTenantRequest { tenant_id: tenant_id.to_owned(), ..Default::default() };
        self.tenants().suspend_tenant(self.by_staff(request)).await.unwrap();
        self.runtime.authenticator.forget_standing(None);
    }

    pub async fn login(&self, tenant: &str, email: &str, password: &str) -> Result<LoginResponse, Status> {
        let request =
            LoginRequest { tenant: tenant.to_owned(), email: email.to_owned(), password: password.to_owned() };
        Ok(self.auth().login(request).await?.into_inner())
    }

    pub async fn refresh(&self, token: &str) -> Result<RefreshTokenResponse, Status> {
        let request = RefreshTokenRequest { refresh_token: token.to_owned() };
        Ok(self.auth().refresh_token(request).await?.into_inner())
    }

    /// A new user of the caller's tenant with the password of all.
    pub async fn user(&self, caller: &LoginResponse, email: &str, roles: &[&str]) -> Result<User, Status> {
        let request = CreateUserRequest {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            roles: roles.iter().map(|&role| role.to_owned()).collect(),
            ..CreateUserRequest::default()
        };
        Ok(self.users().create_user(by(caller, request)).await?.into_inner().user.unwrap())
    }

    /// The sessions that were ended before their time.
    pub async fn revoked(&self) -> Vec<String> {
        sqlx::query_scalar("SELECT id::text FROM identity.sessions WHERE revoked_at IS NOT NULL ORDER BY id")
            .fetch_all(&mut self.db.admin().await)
            .await
            .unwrap()
    }

    /// Runs a statement above row-level security.
    pub async fn tamper(&self, query: sqlx::query::Query<'_, sqlx::Postgres, PgArguments>) {
        query.execute(&mut self.db.admin().await).await.unwrap();
    }

    /// A connection in the serving role, in a transaction that may touch everything of one tenant.
    pub async fn rival(&self, tenant_id: &str) -> PgConnection {
        let mut rival = PgConnection::connect(&self.db.urls("identity").serve).await.unwrap();
        sqlx::query("SELECT set_config('app.tenant_id', $1, false)").bind(tenant_id).execute(&mut rival).await.unwrap();
        sqlx::query("BEGIN").execute(&mut rival).await.unwrap();
        rival
    }

    /// Waits until somebody waits for a row that a rival holds, then lets the rival commit.
    pub async fn commit_when_waited_for(&self, mut rival: PgConnection) {
        let mut admin = self.db.admin().await;
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let deadline = Instant::now() + READY_LIMIT;
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut admin).await.unwrap() == 0 {
            assert!(Instant::now() < deadline, "nobody waits for the rival");
            tokio::task::yield_now().await;
        }
        sqlx::query("COMMIT").execute(&mut rival).await.unwrap();
    }

    /// Action, outcome, actor's id and object's id of identity's events in tenants' trails, in order.
    pub async fn events(&self) -> Vec<(String, String, String, String)> {
        let query = "SELECT action, outcome, actor_id, object_id
            FROM identity.outbox
            WHERE tenant_id <> '00000000-0000-0000-0000-000000000000'
            ORDER BY id";
        sqlx::query_as(query).fetch_all(&mut self.db.admin().await).await.unwrap()
    }

    /// The events of one action.
    pub async fn events_of(&self, action: &str) -> Vec<(String, String, String, String)> {
        self.events().await.into_iter().filter(|event| event.0 == action).collect()
    }
}

/// The tenant that a login belongs to, as its refresh token says.
pub fn tenant_of(login: &LoginResponse) -> String {
    login.refresh_token.split('_').nth(1).unwrap().to_owned()
}

/// A request with the access token of a login.
pub fn by<T>(login: &LoginResponse, message: T) -> tonic::Request<T> {
    with_token(&login.access_token, message)
}

pub fn with_token<T>(token: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// A client of a service that is not among the peers.
pub fn client_of(service: &Service) -> AuthServiceClient<Channel> {
    AuthServiceClient::new(channel_to(service))
}

/// As [`client_of`], for environment variables.
pub fn environment_of(service: &Service) -> EnvironmentServiceClient<Channel> {
    EnvironmentServiceClient::new(channel_to(service))
}

fn channel_to(service: &Service) -> Channel {
    let cell = OnceLock::new();
    assert!(cell.set(service.routes.clone().prepare()).is_ok());
    Channel::Local(Arc::new(cell))
}

pub async fn wait_ready(service: &Service) {
    eventually(READY_LIMIT, "the service to be ready", || async { service.is_ready().await.then_some(()) }).await;
}

/// The stable word of an error.
pub fn reason(status: &Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

/// The first field at fault.
pub fn field(status: &Status) -> String {
    status.get_error_details().bad_request().unwrap().field_violations[0].field.clone()
}
