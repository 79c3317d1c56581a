//! Lets runs that share a key go, as far as their limit allows.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::Notify;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{ProjectId, TenantId};
use trinity_rpc::CancellationToken;

use crate::jobs::announce::Announcer;
use crate::jobs::bells::Bells;
use crate::jobs::input::EngineDoor;
use crate::store;
use crate::store::new_run::NewRun;

/// How often keys with waiting runs are looked at; the end of a run with a key is heeded at once.
const INTERVAL: Duration = Duration::from_millis(500);
const KEYS_AT_ONCE: i64 = 500;

/// Whether a run above a new one has its key: it goes on that one's room, or it would wait for ever.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn is_shared_with_ancestors(tx: &mut PgConnection, run: &NewRun) -> Result<bool> {
    let (Some(concurrency), Some(parent)) = (&run.concurrency, run.order.parent) else { return Ok(false) };
    store::key::is_held_above(tx, run.order.tenant, run.project, parent.run, &concurrency.key).await
}

/// Admits the next runs of a key; says whether there were any.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn admit(tx: &mut PgConnection, tenant: TenantId, project: ProjectId, key: &str) -> Result<bool> {
    store::key::lock(tx, tenant, project, key).await?;
    Ok(!store::key::admit(tx, tenant, project, key).await?.is_empty())
}

/// The background room.
pub struct Keys {
    pub db: Db,
    pub engine: EngineDoor,
    pub announcer: Announcer,
    pub bells: Bells,
}

impl Keys {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let rung: Arc<Notify> = Arc::clone(&self.bells.keys);
        let admit = async {
            loop {
                let _ = tokio::time::timeout(INTERVAL, rung.notified()).await;
                match self.admit_all().await {
                    Ok(true) => {
                        self.engine.wake();
                        self.announcer.ready();
                        self.bells.starter.notify_one();
                    }
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "runs that share a key wait"),
                }
            }
        };
        shutdown.run_until_cancelled(admit).await;
    }

    /// Looks at every key with waiting runs, each in a transaction of its own.
    async fn admit_all(&self) -> Result<bool> {
        let mut tx = self.db.begin_system("keys").await?;
        let waiting = store::key::list_waiting(&mut tx, KEYS_AT_ONCE).await?;
        tx.commit().await?;
        let mut any = false;
        for key in waiting {
            let mut tx = self.db.begin_system("keys").await?;
            any |= admit(&mut tx, key.tenant_id, key.project_id, &key.key).await?;
            tx.commit().await?;
        }
        Ok(any)
    }
}
