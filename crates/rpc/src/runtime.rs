//! What a process has once, however many services it runs: peers, authentication, Redis, and the word to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use trinity_authz::Authenticator;
use trinity_bus::{Bus, Entry};
use trinity_config::{Shared, StorageSettings};
use trinity_ids::TenantId;

use crate::Peers;
use crate::directory::PeerDirectory;
use crate::told_calls::ToldCalls;

/// The stream on which every service announces its changes.
pub const EVENTS: &str = "events";
/// How often the keys of access tokens are fetched.
const KEY_INTERVAL: Duration = Duration::from_secs(5);
/// Announcements, whole or by what stands before the dot, after which callers may do something else than before. A login
/// is none: strangers can make them fail as often as they like.
const ACCESS_HINTS: [&str; 15] = [
    "api_key",
    "auth.logout",
    "binding",
    "folder",
    "grant",
    "group",
    "job.move",
    "password.change",
    "password.reset",
    "role",
    "service_account",
    "session",
    "staff",
    "user",
    "workflow.move",
];
/// Announcements after which a tenant may use something else than before.
const STANDING_HINTS: [&str; 4] = ["tenant", "subscription", "plan", "flag"];

/// Shared by every service of the process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The other services.
    pub peers: Peers,
    /// Verifies tokens.
    pub authenticator: Arc<Authenticator>,
    /// Redis.
    pub bus: Bus,
    /// Cancelled when the process is to stop.
    pub shutdown: CancellationToken,
    /// The issuer of access tokens.
    pub issuer: String,
    /// How buckets are reached; those of no service unless set after [`Runtime::new`].
    pub storage: StorageSettings,
    pub(crate) calls: ToldCalls,
}

impl Runtime {
    /// Prepares everything; nothing is connected yet, so peers, Postgres and Redis may be away.
    ///
    /// # Errors
    /// Names the setting that is missing or malformed.
    pub fn new(shared: &Shared, peers: Peers, shutdown: CancellationToken) -> Result<Self> {
        let bus =
            Bus::new(&shared.redis_url, &shared.redis_prefix).context("the setting TRINITY_REDIS_URL is malformed")?;
        let directory = PeerDirectory::new(&peers)?;
        let authenticator = Arc::new(Authenticator::new(&shared.issuer, Arc::clone(peers.service_key()), directory));
        let calls = ToldCalls::new(&peers)?;
        let (issuer, storage) = (shared.issuer.clone(), StorageSettings::default());
        Ok(Self { peers, authenticator, bus, shutdown, issuer, storage, calls })
    }

    /// The same process, for the service `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { peers: self.peers.named(name), ..self.clone() }
    }

    /// Waits until the trail has been told of the last calls, for some seconds at the most.
    pub async fn drain(&self) {
        self.calls.drain().await;
    }

    /// Starts the jobs that a process has once: what is remembered of callers and tenants kept fresh.
    pub fn start(&self) {
        let (authenticator, shutdown) = (Arc::clone(&self.authenticator), self.shutdown.clone());
        let events = self.bus.subscribe(EVENTS);
        trinity_telemetry::spawn("memory", async move {
            shutdown.run_until_cancelled(heed(&authenticator, events)).await;
        });
        let (authenticator, shutdown) = (Arc::clone(&self.authenticator), self.shutdown.clone());
        trinity_telemetry::spawn("keys", async move {
            shutdown.run_until_cancelled(keep_keys(&authenticator)).await;
        });
    }
}

/// Fetches the keys now and then.
async fn keep_keys(authenticator: &Authenticator) {
    let mut warned = false;
    loop {
        match authenticator.refresh_keys().await {
            Ok(()) => warned = false,
            Err(error) if !warned => {
                warned = true;
                tracing::warn!(%error, "keys cannot be fetched; going on with the last ones");
            }
            Err(_) => {}
        }
        tokio::time::sleep(if warned { KEY_INTERVAL / 10 } else { KEY_INTERVAL }).await;
    }
}

/// Forgets what an announcement makes doubtful. A lost one costs at most the second that anything is remembered.
async fn heed(authenticator: &Authenticator, mut events: broadcast::Receiver<Entry>) {
    loop {
        match events.recv().await {
            Ok(entry) => forget(authenticator, &entry),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn forget(authenticator: &Authenticator, entry: &Entry) {
    let field = |name: &str| entry.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let Some(tenant) = field("tenant_id").and_then(|id| id.parse().ok()) else { return };
    let action = field("action").unwrap_or_default();
    let subject = action.split('.').next().unwrap_or_default();
    if ACCESS_HINTS.contains(&subject) || ACCESS_HINTS.contains(&action) {
        authenticator.forget_access(tenant);
    }
    if STANDING_HINTS.contains(&subject) {
        // Why: what is said of the installation's own plans and flags concerns every tenant.
        authenticator.forget_standing(Some(tenant).filter(|tenant| *tenant != TenantId::NIL));
    }
}
