//! Builds the service: the only place that makes pools and clients and starts jobs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tonic::service::Routes;
use trinity_authz::Authenticator;
use trinity_crypto::{Deriver, MasterKey, Passwords};
use trinity_db::Db;
use trinity_outbox::Relay;
use trinity_proto::identity::auth_service_server::AuthServiceServer;
use trinity_proto::identity::user_service_server::UserServiceServer;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_rpc::{Building, Channel, Peers, Runtime, Service};

use crate::Config;
use crate::grpc::Door;
use crate::jobs;
use crate::keyring::KeyRing;

/// How long a request may be: a user's settings are 64 KiB at the most.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
const SECONDS_PER_DAY: u64 = 86_400;

/// What every handler gets.
pub(crate) struct App {
    pub db: Db,
    pub passwords: Passwords,
    pub keys: Arc<KeyRing>,
    /// Makes each refresh token's successor.
    pub successors: Deriver,
    pub session_lifetime: Duration,
    pub tenants: TenantServiceClient<Channel>,
    pub peers: Peers,
    pub authenticator: Arc<Authenticator>,
}

/// Builds the service; Postgres and the tenant service may be away.
///
/// # Errors
/// Names the setting that is missing or malformed.
pub fn build(config: Config, runtime: Runtime) -> Building {
    Box::pin(assemble(config, runtime))
}

async fn assemble(config: Config, runtime: Runtime) -> Result<Service> {
    let master =
        MasterKey::from_setting("TRINITY_IDENTITY_MASTER_KEY", &config.master_key).map_err(anyhow::Error::msg)?;
    ensure!(config.session_days > 0, "the setting TRINITY_IDENTITY_SESSION_DAYS is 0");
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_IDENTITY_DATABASE_URL is malformed")?;
    let keys = Arc::new(KeyRing::new(&runtime.issuer, master.sealer("signing keys")?));
    let app = Arc::new(App {
        db: db.clone(),
        passwords: Passwords::new()?,
        keys: Arc::clone(&keys),
        successors: master.deriver("refresh tokens"),
        session_lifetime: Duration::from_secs(u64::from(config.session_days) * SECONDS_PER_DAY),
        tenants: TenantServiceClient::new(runtime.peers.channel("tenant")?),
        peers: runtime.peers.clone(),
        authenticator: Arc::clone(&runtime.authenticator),
    });

    Relay::new("identity", db.clone(), &runtime)?.spawn();
    jobs::keys::spawn(db.clone(), Arc::clone(&keys), runtime.shutdown.clone());
    jobs::sessions::spawn(db.clone(), runtime.shutdown.clone());

    let auth = AuthServiceServer::new(Door { app: Arc::clone(&app) }).max_decoding_message_size(MAX_REQUEST_BYTES);
    let users = UserServiceServer::new(Door { app }).max_decoding_message_size(MAX_REQUEST_BYTES);
    Service::new("identity", &runtime, Routes::new(auth).add_service(users), move || {
        let (db, keys) = (db.clone(), Arc::clone(&keys));
        async move { keys.is_loaded() && db.ping().await.is_ok() }
    })
}
