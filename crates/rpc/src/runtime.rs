//! What a process has once, however many services it runs: peers, authentication, Redis, and the word to stop.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use trinity_authz::Authenticator;
use trinity_bus::{Bus, Entry};
use trinity_config::Shared;

use crate::Peers;
use crate::directory::PeerDirectory;
use crate::refusals::Refusals;

/// The stream on which every service announces its changes.
pub const EVENTS: &str = "events";
/// How often deny-lists and keys are fetched without a hint.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Announcements that change a deny-list or a key.
const HINTS: [&str; 6] =
    ["auth.logout", "session.revoke", "session.reuse", "user.update", "tenant.suspend", "tenant.resume"];

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
    pub(crate) refusals: Refusals,
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
        let refusals = Refusals::new(&peers)?;
        Ok(Self { peers, authenticator, bus, shutdown, issuer: shared.issuer.clone(), refusals })
    }

    /// The same process, for the service `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { peers: self.peers.named(name), ..self.clone() }
    }

    /// Starts the jobs that a process has once: deny-lists kept fresh.
    pub fn start(&self) {
        let (authenticator, shutdown) = (Arc::clone(&self.authenticator), self.shutdown.clone());
        let events = self.bus.subscribe(EVENTS);
        trinity_telemetry::spawn("deny-lists", async move {
            shutdown.run_until_cancelled(keep_fresh(&authenticator, events)).await;
        });
    }
}

/// Fetches deny-lists at every hint, and now and then without one.
async fn keep_fresh(authenticator: &Authenticator, mut events: broadcast::Receiver<Entry>) {
    let mut warned = false;
    loop {
        match authenticator.refresh().await {
            Ok(()) => warned = false,
            Err(error) if !warned => {
                warned = true;
                tracing::warn!(%error, "deny-lists cannot be fetched; going on with the last ones");
            }
            Err(_) => {}
        }
        let pause = if warned { Duration::from_millis(500) } else { SWEEP_INTERVAL };
        let _ = tokio::time::timeout(pause, hint(&mut events)).await;
    }
}

async fn hint(events: &mut broadcast::Receiver<Entry>) {
    loop {
        match events.recv().await {
            Ok(entry) if entry.iter().any(|(name, value)| name == "action" && HINTS.contains(&value.as_str())) => {
                return;
            }
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => return,
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
