//! Lets a change of a tenant's plan, or its suspension, act on tasks that wait already.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::broadcast;
use tokio::time::MissedTickBehavior;
use trinity_access::Standing;
use trinity_bus::Entry;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::TenantId;
use trinity_rpc::Runtime;

use crate::jobs::announce::Announcer;
use crate::jobs::input::EngineDoor;
use crate::store;
use crate::store::share::Share;

/// How often standings are looked at; an announced change is looked at at once.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many standings are asked for at once.
const ASKED_AT_ONCE: usize = 16;
/// How many tasks a tenant without a limit may have running.
const UNLIMITED: u32 = 1_000;
/// What announcements of changes of standings begin with.
const SUBJECTS: [&str; 4] = ["tenant", "subscription", "plan", "flag"];

/// The terms that a standing gives.
#[must_use]
pub fn share(tenant: TenantId, standing: &Standing) -> Share {
    let concurrency = standing.limits.concurrent_tasks.unwrap_or(UNLIMITED);
    Share { tenant_id: tenant, concurrency: i32::try_from(concurrency).unwrap_or(i32::MAX), paused: standing.suspended }
}

/// The background room.
pub struct Standings {
    pub db: Db,
    pub runtime: Runtime,
    pub engine: EngineDoor,
    pub announcer: Announcer,
}

impl Standings {
    /// Runs until the process is to stop.
    pub async fn run(self) {
        let shutdown = self.runtime.shutdown.clone();
        shutdown.run_until_cancelled(self.follow()).await;
    }

    async fn follow(self) {
        let mut events = Some(self.runtime.bus.subscribe(trinity_rpc::EVENTS));
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                entry = next(&mut events) => if !self.heed(entry.as_ref()) { continue },
            }
            if let Err(error) = self.refresh().await {
                tracing::warn!(%error, "shares cannot follow the tenants' standings; going on with the last ones");
            }
        }
    }

    /// Forgets what an announcement makes doubtful; says whether it made anything so.
    fn heed(&self, entry: Option<&Entry>) -> bool {
        let field = |name: &str| entry?.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let subject = field("action").and_then(|action| action.split('.').next()).unwrap_or_default();
        let tenant: Option<TenantId> = field("tenant_id").and_then(|id| id.parse().ok());
        if let Some(tenant) = tenant.filter(|_| SUBJECTS.contains(&subject)) {
            self.runtime.authenticator.forget_standing(Some(tenant).filter(|tenant| *tenant != TenantId::NIL));
            return true;
        }
        false
    }

    /// Brings the shares of tenants with live work up to date.
    async fn refresh(&self) -> Result<()> {
        let mut tx = self.db.begin_system("standings").await?;
        let shares = store::share::list_live(&mut tx).await?;
        tx.commit().await?;
        let asked = shares.into_iter().map(|share| self.ask(share));
        let changed: Vec<Share> =
            futures::stream::iter(asked).buffer_unordered(ASKED_AT_ONCE).filter_map(std::future::ready).collect().await;
        if changed.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.begin_system("standings").await?;
        store::share::update_all(&mut tx, &changed).await?;
        tx.commit().await?;
        self.engine.wake();
        self.announcer.ready();
        Ok(())
    }

    /// The terms as they are now, if they differ.
    async fn ask(&self, noted: Share) -> Option<Share> {
        match self.runtime.authenticator.standing(noted.tenant_id).await {
            Ok(standing) => Some(share(noted.tenant_id, &standing)).filter(|share| *share != noted),
            Err(error) => {
                tracing::debug!(%error, tenant = %noted.tenant_id, "a standing is not known");
                None
            }
        }
    }
}

/// The next announcement; never, once there can be none.
async fn next(events: &mut Option<broadcast::Receiver<Entry>>) -> Option<Entry> {
    let Some(open) = events else { return std::future::pending().await };
    match open.recv().await {
        Ok(entry) => Some(entry),
        Err(broadcast::error::RecvError::Lagged(_)) => None,
        Err(broadcast::error::RecvError::Closed) => {
            *events = None;
            None
        }
    }
}
