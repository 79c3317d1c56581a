//! Tells the tenant service how many bytes each tenant stores: a sample now and then, of those whose bytes have changed.
//!
//! A day counts the largest sample, so that one that comes twice does no harm. Still a repeat has the same batch id,
//! whichever replica sends it: the id is made of what is sent.

use std::time::Duration;

use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::{Metric, RecordUsageRequest, UsageEntry};
use trinity_rpc::{CancellationToken, Channel, Peers};
use uuid::Uuid;

use crate::store::usage::{self, Stored};

const BATCH: usize = 500;
/// The space of batch ids.
const BATCHES: Uuid = Uuid::from_u128(0x8f0c_7f1e_52d4_4c3b_9a61_0d2e_7b64_91af);

/// The background room.
pub(crate) struct Meter {
    pub db: Db,
    pub plans: PlanServiceClient<Channel>,
    pub peers: Peers,
    pub interval: Duration,
}

impl Meter {
    /// Starts it, until `shutdown`.
    pub fn spawn(self, shutdown: CancellationToken) {
        trinity_telemetry::spawn("storage-meter", async move {
            shutdown.run_until_cancelled(self.run()).await;
        });
    }

    async fn run(self) {
        let mut warned = false;
        loop {
            match self.report().await {
                Ok(()) => warned = false,
                Err(error) if !warned => {
                    warned = true;
                    tracing::warn!(%error, "stored bytes cannot be reported; trying again");
                }
                Err(_) => {}
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn report(&self) -> Result<()> {
        loop {
            let mut tx = self.db.begin_system("storage-meter").await?;
            let stored = usage::list_unreported(&mut tx, BATCH as i64).await?;
            tx.commit().await?;
            if stored.is_empty() {
                return Ok(());
            }
            self.send(&stored).await?;
            let mut tx = self.db.begin_system("storage-meter").await?;
            usage::mark_reported(&mut tx, &stored).await?;
            tx.commit().await?;
        }
    }

    async fn send(&self, stored: &[Stored]) -> Result<()> {
        let entries = stored.iter().map(entry).collect();
        let message = RecordUsageRequest { batch_id: batch_id(stored).to_string(), entries };
        let ctx = RequestContext::service("registry");
        self.plans.clone().record_usage(self.peers.request(&ctx, message)).await?;
        Ok(())
    }
}

fn entry(stored: &Stored) -> UsageEntry {
    UsageEntry {
        tenant_id: stored.tenant_id.to_string(),
        day: stored.day.clone(),
        metric: Metric::StorageBytes.into(),
        amount: stored.stored_bytes.unsigned_abs(),
    }
}

fn batch_id(stored: &[Stored]) -> Uuid {
    let line = |stored: &Stored| format!("{} {} {}\n", stored.tenant_id, stored.day, stored.stored_bytes);
    Uuid::new_v5(&BATCHES, stored.iter().map(line).collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use trinity_ids::TenantId;

    use super::*;

    #[test]
    fn a_batch_has_the_id_of_what_is_in_it() {
        let stored = |bytes| Stored { tenant_id: TenantId::NIL, stored_bytes: bytes, day: "2026-11-21".to_owned() };
        assert_eq!(batch_id(&[stored(1)]), batch_id(&[stored(1)]));
        assert_ne!(batch_id(&[stored(1)]), batch_id(&[stored(2)]));
        assert_ne!(batch_id(&[stored(1)]), batch_id(&[stored(1), stored(1)]));
    }
}
