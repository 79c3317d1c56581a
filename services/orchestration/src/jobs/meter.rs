//! Tells the tenant service what tenants used: in batches, each until it is taken.
//!
//! A batch keeps its id and its contents from the moment it is made, so a repeat after a crash counts nothing twice.

use std::time::Duration;

use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::{Code, Error, Result};
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::{Metric, RecordUsageRequest, UsageEntry};
use trinity_rpc::{CancellationToken, Channel, Peers};
use uuid::Uuid;

use crate::store;
use crate::store::usage::Used;

/// How many rows a batch has, besides leftovers.
const BATCH: i64 = 500;

/// The background room.
pub struct Meter {
    pub db: Db,
    pub peers: Peers,
    pub plans: PlanServiceClient<Channel>,
    pub interval: Duration,
}

impl Meter {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let tell = async {
            let mut warned = false;
            loop {
                tokio::time::sleep(self.interval).await;
                match self.tell_all().await {
                    Ok(()) => warned = false,
                    Err(error) if !warned => {
                        warned = true;
                        tracing::warn!(%error, "usage waits for the tenant service");
                    }
                    Err(_) => {}
                }
            }
        };
        shutdown.run_until_cancelled(tell).await;
    }

    /// Tells everything that there is to tell.
    async fn tell_all(&self) -> Result<()> {
        loop {
            let batches = self.batches().await?;
            if batches.is_empty() {
                return Ok(());
            }
            for batch in batches {
                self.tell(batch).await?;
            }
        }
    }

    /// Batches that were not taken yet, else a new one, if there is anything new.
    async fn batches(&self) -> Result<Vec<Uuid>> {
        let mut tx = self.db.begin_system("usage").await?;
        let mut batches = store::usage::list_batches(&mut tx).await?;
        if batches.is_empty() {
            let batch = Uuid::now_v7();
            if store::usage::make_batch(&mut tx, batch, BATCH).await? > 0 {
                batches.push(batch);
            }
        }
        tx.commit().await?;
        Ok(batches)
    }

    async fn tell(&self, batch: Uuid) -> Result<()> {
        let mut tx = self.db.begin_system("usage").await?;
        let used = store::usage::list_used(&mut tx, batch).await?;
        tx.commit().await?;
        let entries: Vec<UsageEntry> = used.iter().flat_map(entries).collect();
        if !entries.is_empty() {
            let message = RecordUsageRequest { batch_id: batch.to_string(), entries };
            let request = self.peers.request(&RequestContext::service("orchestration"), message);
            match self.plans.clone().record_usage(request).await.map_err(Error::from) {
                // Why: what is refused for good must not hold up what comes after it.
                Err(error) if matches!(error.code(), Code::InvalidArgument | Code::NotFound) => {
                    metrics::counter!("trinity_usage_batches_refused_total").increment(1);
                    tracing::error!(%error, %batch, ?used, "the tenant service refuses a batch of usage");
                }
                told => drop(told?),
            }
        }
        let mut tx = self.db.begin_system("usage").await?;
        store::usage::close_batch(&mut tx, batch).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// What is told of a tenant's day: only what was used.
fn entries(used: &Used) -> impl Iterator<Item = UsageEntry> {
    [(Metric::Runs, used.runs), (Metric::TaskSeconds, used.task_seconds)].into_iter().filter(|(_, n)| *n > 0).map(
        |(metric, amount)| UsageEntry {
            tenant_id: used.tenant_id.to_string(),
            day: used.day.clone(),
            metric: metric.into(),
            amount: amount.unsigned_abs(),
        },
    )
}
