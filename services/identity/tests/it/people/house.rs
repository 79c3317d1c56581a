//! The identity service behind its guard, and what the tests of this room ask of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::postgres::{PgArguments, PgPool};
use tempfile::TempDir;
use tonic::service::Routes;
use tonic::{Request, Status};
use trinity_access::{Access, Permissions, Standing};
use trinity_authz::{ApiKeyText, Authenticator, Directory, JsonWebKey};
use trinity_config::Shared;
use trinity_context::Caller;
use trinity_identity::{Config, MIGRATOR};
use trinity_ids::{TenantId, UserId};
use trinity_proto::identity::account_service_client::AccountServiceClient;
use trinity_proto::identity::auth_service_client::AuthServiceClient;
use trinity_proto::identity::staff_service_client::StaffServiceClient;
use trinity_proto::identity::user_service_client::UserServiceClient;
use trinity_proto::identity::{
    CreateUserRequest, GetJwksRequest, GetMeRequest, LoginRequest, LoginResponse, RefreshTokenRequest, User,
};
use trinity_proto::tenant::tenant_service_server::TenantServiceServer;
use trinity_rpc::{CancellationToken, Channel, Peers, Runtime};
use trinity_testkit::{TestDb, TestRedis, TestTokens, eventually};

use super::WAIT;
use super::tenants::Tenants;

pub const PASSWORD: &str = "violin gravel ostrich";

pub struct House {
    pub db: TestDb,
    pub runtime: Runtime,
    pub mails: TempDir,
    pool: PgPool,
    tenants: Tenants,
    standings: Standings,
}

type Standings = Arc<Mutex<HashMap<TenantId, Standing>>>;

impl House {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of identity besides the usual ones; an empty value takes a usual one away.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let db = TestDb::new("identity", &MIGRATOR).await;
        let redis = TestRedis::new();
        let shared = Shared {
            redis_url: redis.url,
            redis_prefix: redis.prefix,
            service_key: TestTokens::new().service_seed().to_owned(),
            issuer: "trinity".to_owned(),
            log: "info".to_owned(),
            log_format: "text".to_owned(),
            peers: BTreeMap::default(),
        };
        let peers = Peers::local("identity", &shared).unwrap();
        let mut runtime = Runtime::new(&shared, peers, CancellationToken::new()).unwrap();
        let pool = PgPool::connect_lazy(&db.admin_url()).unwrap();
        let (tenants, standings) = (Tenants::default(), Standings::default());
        let directory = Neighbours {
            auth: AuthServiceClient::new(runtime.peers.channel("identity").unwrap()),
            pool: pool.clone(),
            standings: Arc::clone(&standings),
        };
        let key = Arc::clone(runtime.peers.service_key());
        runtime.authenticator = Arc::new(Authenticator::new("trinity", key, directory));
        let tenant = Routes::new(TenantServiceServer::new(tenants.clone()));
        runtime.peers.install("tenant", tenant);

        let mails = TempDir::new().unwrap();
        let config = config(&db, &mails, settings);
        let identity = trinity_identity::build(config, runtime.clone()).await.unwrap();
        eventually(WAIT, "identity to be ready", || async { identity.is_ready().await.then_some(()) }).await;
        runtime.peers.install("identity", identity.routes);
        Self { db, runtime, mails, pool, tenants, standings }
    }

    /// Starts another identity service on the same database.
    pub async fn start_with(&self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        let config = config(&self.db, &self.mails, settings);
        trinity_identity::build(config, self.runtime.clone()).await.map(|_| ())
    }

    pub fn auth(&self) -> AuthServiceClient<Channel> {
        AuthServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn users(&self) -> UserServiceClient<Channel> {
        UserServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn staff(&self) -> StaffServiceClient<Channel> {
        StaffServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    pub fn accounts(&self) -> AccountServiceClient<Channel> {
        AccountServiceClient::new(self.runtime.peers.channel("identity").unwrap())
    }

    /// A tenant with `owner@<slug>.example`, who is signed in.
    pub async fn tenant(&self, slug: &str) -> LoginResponse {
        let tenant = self.tenants.add(slug);
        let passwords = trinity_crypto::Passwords::new().unwrap();
        let hash = passwords.hash(PASSWORD.to_owned()).await.unwrap();
        let email = format!("owner@{slug}.example");
        let insert = "WITH owner AS (
                INSERT INTO identity.users (tenant_id, id, email, username, full_name, password_hash, founder)
                VALUES ($1, $2, $3, '', '', $4, true)
                RETURNING tenant_id, id
            )
            INSERT INTO identity.bindings (tenant_id, id, role, subject_type, subject_id)
            SELECT tenant_id, gen_random_uuid(), 'owner', 'user', id FROM owner";
        let insert = sqlx::query(insert).bind(tenant).bind(UserId::new()).bind(&email).bind(hash);
        insert.execute(&self.pool).await.unwrap();
        self.login(slug, &email, PASSWORD).await.unwrap()
    }

    pub fn suspend(&self, tenant: TenantId, suspended: bool) {
        self.tenants.suspend(tenant, suspended);
        self.stand(tenant, |standing| standing.suspended = suspended);
    }

    /// Changes what a tenant may use, at once.
    pub fn stand(&self, tenant: TenantId, change: impl FnOnce(&mut Standing)) {
        change(self.standings.lock().unwrap().entry(tenant).or_insert_with(Standing::unlimited));
        self.runtime.authenticator.forget_standing(Some(tenant));
    }

    pub async fn login(&self, tenant: &str, email: &str, password: &str) -> Result<LoginResponse, Status> {
        self.login_from("", tenant, email, password).await
    }

    pub async fn login_from(
        &self,
        address: &str,
        tenant: &str,
        email: &str,
        password: &str,
    ) -> Result<LoginResponse, Status> {
        let login = LoginRequest { tenant: tenant.to_owned(), email: email.to_owned(), password: password.to_owned() };
        Ok(self.auth().login(from(address, login)).await?.into_inner())
    }

    /// A new user of the caller's tenant, with the password of all; `admin@…` is one.
    pub async fn user(&self, caller: &LoginResponse, email: &str) -> Result<User, Status> {
        let roles = email.split('@').next().filter(|role| *role == "admin").map(str::to_owned);
        let request = CreateUserRequest {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            roles: roles.into_iter().collect(),
            ..Default::default()
        };
        Ok(self.users().create_user(by(caller, request)).await?.into_inner().user.unwrap())
    }

    pub async fn is_signed_in(&self, login: &LoginResponse) -> bool {
        self.runtime.authenticator.forget_access(tenant_of(login));
        self.auth().get_me(by(login, GetMeRequest {})).await.is_ok()
    }

    pub async fn can_refresh(&self, login: &LoginResponse) -> bool {
        let request = RefreshTokenRequest { refresh_token: login.refresh_token.clone() };
        self.auth().refresh_token(request).await.is_ok()
    }

    /// Runs a statement above row-level security.
    pub async fn tamper(&self, query: sqlx::query::Query<'_, sqlx::Postgres, PgArguments>) {
        query.execute(&self.pool).await.unwrap();
    }

    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    /// Outcomes and actors of one action's events.
    pub async fn events(&self, action: &str) -> Vec<(String, String)> {
        sqlx::query_as("SELECT outcome, actor_id FROM identity.outbox WHERE action = $1 ORDER BY id")
            .bind(action)
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}

fn config(db: &TestDb, mails: &TempDir, settings: &[(&str, &str)]) -> Config {
    let key = STANDARD.encode([7; 32]);
    let folder = mails.path().join("out");
    let mut variables = BTreeMap::from([
        ("DATABASE_URL", db.url()),
        ("DATABASE_CONNECTIONS", "8"),
        ("LISTEN", "127.0.0.1:0"),
        ("MASTER_KEY", &key),
        ("MAIL_FOLDER", folder.to_str().unwrap()),
    ]);
    variables.extend(settings.iter().copied());
    let variables = variables
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (format!("TRINITY_IDENTITY_{name}"), value.to_owned()))
        .collect();
    trinity_config::load_from("identity", &variables).unwrap()
}

/// Says what a caller may do from the rows themselves: nothing without a live session of an active user.
struct Neighbours {
    auth: AuthServiceClient<Channel>,
    pool: PgPool,
    standings: Standings,
}

#[async_trait]
impl Directory for Neighbours {
    async fn keys(&self) -> trinity_error::Result<Vec<JsonWebKey>> {
        let answer = self.auth.clone().get_jwks(GetJwksRequest {}).await?.into_inner();
        Ok(answer.keys.into_iter().map(|key| JsonWebKey { kid: key.kid, x: key.x }).collect())
    }

    async fn access(&self, caller: &Caller) -> trinity_error::Result<Option<Access>> {
        let Caller::User { user, session, .. } = caller else { return Ok(None) };
        let held: Option<(String, Vec<String>)> = sqlx::query_as(
            "SELECT u.email, ARRAY(SELECT role FROM identity.bindings WHERE subject_id = u.id)
            FROM identity.sessions AS s
            JOIN identity.users AS u ON u.id = s.user_id AND u.active
            WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > now()",
        )
        .bind(session)
        .fetch_optional(&self.pool)
        .await?;
        Ok(held.map(|(name, roles)| {
            let permissions = |role: &String| trinity_access::role(role).unwrap().permissions();
            let tenant = roles.iter().map(permissions).fold(Permissions::NONE, Permissions::union);
            Access { name, roles, tenant, owner: Some(*user), ..Access::default() }
        }))
    }

    async fn standing(&self, tenant: TenantId) -> trinity_error::Result<Standing> {
        let known = self.standings.lock().unwrap().get(&tenant).cloned();
        Ok(known.unwrap_or_else(Standing::unlimited))
    }

    async fn api_key(&self, _: &ApiKeyText) -> trinity_error::Result<Option<Caller>> {
        Ok(None)
    }
}

/// The tenant that a login belongs to, as its refresh token says.
pub fn tenant_of(login: &LoginResponse) -> TenantId {
    login.refresh_token.split('_').nth(1).unwrap().parse().unwrap()
}

/// A request with the access token of a login.
pub fn by<T>(login: &LoginResponse, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {}", login.access_token).parse().unwrap());
    request
}

/// A stranger's request from an address.
pub fn from<T>(address: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if !address.is_empty() {
        request.metadata_mut().insert("x-client-ip", address.parse().unwrap());
    }
    request
}
