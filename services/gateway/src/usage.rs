//! How many requests each tenant made on each day, counted here and told to the tenant service in batches.
//!
//! A batch keeps its id until it is known to have arrived, so one that is sent again counts once. What was counted since
//! the last batch is lost with a process that is killed, never with one that drains.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use chrono::DateTime;
use tonic::{Code, Status};
use trinity_context::RequestContext;
use trinity_ids::TenantId;
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::{Metric, RecordUsageRequest, UsageEntry};
use trinity_rpc::{CancellationToken, Channel, Peers};
use uuid::Uuid;

const SECONDS_A_DAY: u64 = 86_400;
/// How many entries a batch has at the most.
const BATCH: usize = 5_000;
/// How soon a batch that did not arrive is sent again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the last batches may take when the process ends.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// Requests by tenant and day (in days since 1970, UTC).
#[derive(Debug, Default)]
pub struct Usage(Mutex<HashMap<(TenantId, u64), u64>>);

impl Usage {
    /// Counts a request of this moment.
    pub fn count(&self, tenant: TenantId) {
        let today = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) / SECONDS_A_DAY;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((tenant, today)).or_default() += 1;
    }

    /// Takes away what was counted, for one batch.
    fn take(&self) -> Vec<UsageEntry> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<_> = counts.keys().take(BATCH).copied().collect();
        let taken = keys.into_iter().filter_map(|key| counts.remove_entry(&key));
        taken
            .map(|((tenant, day), amount)| UsageEntry {
                tenant_id: tenant.to_string(),
                day: date(day),
                metric: Metric::Requests.into(),
                amount,
            })
            .collect()
    }
}

fn date(day: u64) -> String {
    let seconds = i64::try_from(day * SECONDS_A_DAY).unwrap_or_default();
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().format("%Y-%m-%d").to_string()
}

/// Tells the tenant service what was counted.
pub struct Meter {
    usage: Arc<Usage>,
    peers: Peers,
    client: PlanServiceClient<Channel>,
    /// What was sent and is not known to have arrived.
    pending: Option<RecordUsageRequest>,
    is_away: bool,
}

impl Meter {
    /// # Errors
    /// Names the setting of the tenant service that is missing.
    pub fn new(usage: Arc<Usage>, peers: &Peers) -> Result<Self> {
        let client = PlanServiceClient::new(peers.channel("tenant")?);
        Ok(Self { usage, peers: peers.clone(), client, pending: None, is_away: false })
    }

    /// Sends what was counted every `interval` until `stop`, and once more then.
    pub async fn run(mut self, interval: Duration, stop: CancellationToken) {
        stop.run_until_cancelled(self.send_forever(interval)).await;
        let last = async {
            while !self.flush().await {
                tokio::time::sleep(RETRY_AFTER / 4).await;
            }
        };
        if tokio::time::timeout(LAST_FLUSH, last).await.is_err() {
            tracing::error!("the last requests were not counted: the tenant service is away");
        }
    }

    async fn send_forever(&mut self, interval: Duration) {
        let mut pause = interval;
        loop {
            tokio::time::sleep(pause).await;
            pause = if self.flush().await { interval } else { interval.min(RETRY_AFTER) };
        }
    }

    /// Sends batches until nothing is left; gives false when one may not have arrived.
    async fn flush(&mut self) -> bool {
        loop {
            if self.pending.is_none() {
                let entries = self.usage.take();
                if entries.is_empty() {
                    return true;
                }
                self.pending = Some(RecordUsageRequest { batch_id: Uuid::now_v7().to_string(), entries });
            }
            // Why a copy stays: until the answer is there, dropping this future must not lose the batch.
            let Some(batch) = self.pending.clone() else { return true };
            let request = self.peers.request(&RequestContext::service("gateway"), batch);
            match self.client.record_usage(request).await {
                Ok(_) => self.is_away = false,
                Err(status) if !may_succeed_later(&status) => {
                    tracing::error!(%status, "the tenant service refuses what was counted; it is lost");
                }
                Err(status) => {
                    if !std::mem::replace(&mut self.is_away, true) {
                        tracing::warn!(%status, "what was counted has not arrived; it is sent again");
                    }
                    return false;
                }
            }
            self.pending = None;
        }
    }
}

/// Why one code alone: a batch that is wrong in any state would be in the way of all that follow; whatever else is said
/// of it may be otherwise tomorrow.
fn may_succeed_later(status: &Status) -> bool {
    status.code() != Code::InvalidArgument
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_counted_anew() {
        let (usage, tenant) = (Usage::default(), TenantId::new());
        usage.count(tenant);
        usage.count(tenant);
        let taken = usage.take();
        assert_eq!((taken.len(), taken[0].amount, taken[0].tenant_id.as_str()), (1, 2, tenant.to_string().as_str()));
        assert!(usage.take().is_empty());
    }

    #[test]
    fn days_are_written_as_the_contract_says() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(20_778), "2026-11-21");
    }
}
