//! Tells the tenant service how many active users a tenant has, whenever that may have changed and when somebody signs
//! in, so that every day on which a tenant is used has its figure.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::Utc;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{EventId, TenantId};
use trinity_outbox::{Delivery, Sink};
use trinity_proto::tenant::plan_service_client::PlanServiceClient;
use trinity_proto::tenant::{Metric, RecordUsageRequest, UsageEntry};
use trinity_rpc::{Channel, Peers};

use crate::store;

const ACTIONS: [&str; 4] = ["auth.login", "invitation.accept", "user.create", "user.update"];

/// The sink of the outbox's relay.
pub struct SeatMeter {
    pub db: Db,
    pub plans: PlanServiceClient<Channel>,
    pub peers: Peers,
}

#[async_trait]
impl Sink for SeatMeter {
    async fn deliver(&self, events: &[Delivery]) -> Result<()> {
        for (tenant, event) in tenants_of(events) {
            // Why no error: it would hold up the trail. The next event brings the figure again.
            if let Err(error) = self.report(tenant, event).await {
                tracing::warn!(%error, "the seats of a tenant are not told");
            }
        }
        Ok(())
    }
}

impl SeatMeter {
    async fn report(&self, tenant: TenantId, event: EventId) -> Result<()> {
        let ctx = RequestContext::service("identity").for_tenant(tenant);
        let mut tx = self.db.begin(&ctx).await?;
        let seats = store::seat::count(&mut tx, tenant).await?;
        drop(tx);
        let entry = UsageEntry {
            tenant_id: tenant.into(),
            day: Utc::now().format("%Y-%m-%d").to_string(),
            metric: Metric::Seats.into(),
            amount: seats.unsigned_abs(),
        };
        let batch = RecordUsageRequest { batch_id: format!("seats-{event}"), entries: vec![entry] };
        self.plans.clone().record_usage(self.peers.request(&ctx, batch)).await?;
        Ok(())
    }
}

/// Each tenant that is concerned, once, with its last event.
fn tenants_of(events: &[Delivery]) -> BTreeMap<TenantId, EventId> {
    let concerned = events.iter().filter(|event| ACTIONS.contains(&event.action.as_str()));
    concerned.filter(|event| event.tenant != TenantId::NIL).map(|event| (event.tenant, event.id)).collect()
}
