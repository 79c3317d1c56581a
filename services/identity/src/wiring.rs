//! Builds the service: the only place that makes pools and clients and starts jobs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tonic::service::Routes;
use trinity_authz::Authenticator;
use trinity_crypto::{Deriver, Passwords, Wrapper};
use trinity_db::Db;
use trinity_outbox::Relay;
use trinity_proto::identity::access_service_server::AccessServiceServer;
use trinity_proto::identity::account_service_server::AccountServiceServer;
use trinity_proto::identity::auth_service_server::AuthServiceServer;
use trinity_proto::identity::delegation_service_server::DelegationServiceServer;
use trinity_proto::identity::environment_service_server::EnvironmentServiceServer;
use trinity_proto::identity::mail_service_server::MailServiceServer;
use trinity_proto::identity::service_account_service_server::ServiceAccountServiceServer;
use trinity_proto::identity::staff_service_server::StaffServiceServer;
use trinity_proto::identity::user_service_server::UserServiceServer;
use trinity_proto::registry::folder_service_client::FolderServiceClient;
use trinity_proto::registry::project_service_client::ProjectServiceClient;
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::tenant_service_client::TenantServiceClient;
use trinity_proto::workflow::placement_service_client::PlacementServiceClient;
use trinity_rpc::{Building, Channel, Peers, Runtime, Service};

use crate::Config;
use crate::grpc::Door;
use crate::jobs;
use crate::jobs::key_uses::KeyUses;
use crate::keyring::KeyRing;
use crate::mailroom::Mailroom;

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
    /// Wraps the tenants' data keys.
    pub wrapper: Wrapper,
    /// The word in API keys that tells installations apart.
    pub environment: String,
    pub key_uses: Arc<KeyUses>,
    pub mailroom: Arc<Mailroom>,
    pub tenants: TenantServiceClient<Channel>,
    pub projects: ProjectServiceClient<Channel>,
    pub folders: FolderServiceClient<Channel>,
    pub placements: PlacementServiceClient<Channel>,
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
    let (master, previous) = config.master_keys()?;
    ensure!(config.session_days > 0, "the setting TRINITY_IDENTITY_SESSION_DAYS is 0");
    let db = Db::connect(&config.database_url, config.database_connections)
        .context("the setting TRINITY_IDENTITY_DATABASE_URL is malformed")?;
    let wrapper = |kind| Wrapper::new(kind, &master, previous.as_ref());
    let keys = Arc::new(KeyRing::new(&runtime.issuer, wrapper("signing keys")?));
    let mailroom = Arc::new(Mailroom::new(&config, wrapper("tenant keys")?)?);
    let app = Arc::new(App {
        db: db.clone(),
        passwords: Passwords::new()?,
        keys: Arc::clone(&keys),
        successors: master.deriver("refresh tokens"),
        session_lifetime: Duration::from_secs(u64::from(config.session_days) * SECONDS_PER_DAY),
        wrapper: wrapper("tenant keys")?,
        environment: config.environment()?,
        key_uses: Arc::default(),
        mailroom: Arc::clone(&mailroom),
        tenants: TenantServiceClient::new(runtime.peers.channel("tenant")?),
        projects: ProjectServiceClient::new(runtime.peers.channel("registry")?),
        folders: FolderServiceClient::new(runtime.peers.channel("registry")?),
        placements: PlacementServiceClient::new(runtime.peers.channel("workflow")?),
        peers: runtime.peers.clone(),
        authenticator: Arc::clone(&runtime.authenticator),
    });

    let plans = PlanServiceClient::new(runtime.peers.channel("tenant")?);
    let seats = jobs::seats::SeatMeter { db: db.clone(), plans, peers: runtime.peers.clone() };
    Relay::new("identity", db.clone(), &runtime)?.with_sink(seats).spawn();
    jobs::keys::spawn(db.clone(), Arc::clone(&keys), runtime.shutdown.clone());
    jobs::mails::spawn(db.clone(), mailroom, runtime.shutdown.clone());
    jobs::sessions::spawn(db.clone(), runtime.shutdown.clone());
    jobs::key_uses::spawn(db.clone(), Arc::clone(&app.key_uses), runtime.shutdown.clone());
    if previous.is_some() {
        jobs::rewrap::spawn(Arc::clone(&app), runtime.shutdown.clone());
    }

    let routes = routes(&app);
    Service::new("identity", &runtime, routes, move || {
        let (db, keys) = (db.clone(), Arc::clone(&keys));
        async move { keys.is_loaded() && db.ping().await.is_ok() }
    })
}

/// Every door of the service.
fn routes(app: &Arc<App>) -> Routes {
    let door = || Door { app: Arc::clone(app) };
    Routes::new(AuthServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(UserServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(AccountServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(AccessServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(ServiceAccountServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(StaffServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(EnvironmentServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(DelegationServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(MailServiceServer::new(door()).max_decoding_message_size(MAX_REQUEST_BYTES))
}
