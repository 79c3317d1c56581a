//! What no handler announces goes to the audit trail too, without the caller waiting for it: refused calls, and what
//! staff read in a tenant.

use anyhow::Result;
use tokio::sync::mpsc;
use trinity_context::RequestContext;
use trinity_ids::EventId;
use trinity_proto::Timestamp;
use trinity_proto::audit::audit_service_client::AuditServiceClient;
use trinity_proto::audit::{Actor, AppendBatchRequest, NewEvent};
use trinity_proto::common::Policy;

use crate::{Channel, Peers};

/// How many refusals wait at the most; beyond that they are counted, not kept.
const QUEUE: usize = 4096;
const BATCH: usize = 200;

/// A bounded queue of calls on their way to audit.
#[derive(Debug, Clone)]
pub(crate) struct Refusals {
    queue: mpsc::Sender<NewEvent>,
}

impl Refusals {
    pub(crate) fn new(peers: &Peers) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let client = AuditServiceClient::new(peers.channel("audit")?);
        trinity_telemetry::spawn("refusals", deliver(waiting, client, peers.clone()));
        Ok(Self { queue })
    }

    /// Records a call, with its `outcome` ("OK" or the reason of a refusal), in the trail of the caller's tenant.
    /// Strangers have no tenant whose trail could hold it.
    pub(crate) fn record(&self, ctx: &RequestContext, policy: &Policy, outcome: &str) {
        let Some(tenant) = ctx.caller.tenant() else { return };
        let (actor, id, name) = ctx.actor();
        let action = if policy.audit_action.is_empty() { &policy.permission } else { &policy.audit_action };
        let now = std::time::SystemTime::now();
        let event = NewEvent {
            id: EventId::new().to_string(),
            tenant_id: tenant.to_string(),
            action: if action.is_empty() { "read".to_owned() } else { action.clone() },
            outcome: outcome.to_owned(),
            actor: Some(Actor { r#type: actor.to_owned(), id, name }),
            object_type: policy.object_type.clone(),
            ip: ctx.client_ip.clone(),
            user_agent: ctx.user_agent.clone(),
            request_id: ctx.request_id.clone(),
            created_at: Some(Timestamp::from(now)),
            ..NewEvent::default()
        };
        if self.queue.try_send(event).is_err() {
            metrics::counter!("trinity_refusals_not_recorded_total").increment(1);
        }
    }
}

async fn deliver(mut waiting: mpsc::Receiver<NewEvent>, client: AuditServiceClient<Channel>, peers: Peers) {
    let ctx = RequestContext::service("refusals");
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let events = std::mem::take(&mut batch);
        loop {
            let request = peers.request(&ctx, AppendBatchRequest { events: events.clone() });
            match client.clone().append_batch(request).await {
                Ok(_) => break,
                Err(status) if status.code() == tonic::Code::InvalidArgument => {
                    tracing::error!(%status, "audit refuses a batch of refusals");
                    break;
                }
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(500)).await,
            }
        }
    }
}
