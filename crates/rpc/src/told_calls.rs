//! What no handler announces goes to the audit trail too, without the caller waiting for it: refused calls, and what
//! staff read in a tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::mpsc;
use trinity_context::RequestContext;
use trinity_ids::EventId;
use trinity_proto::Timestamp;
use trinity_proto::audit::audit_service_client::AuditServiceClient;
use trinity_proto::audit::{Actor, AppendBatchRequest, NewEvent};
use trinity_proto::common::Policy;

use crate::{Channel, Peers};

/// How many calls wait at the most; beyond that they are counted, not kept.
const QUEUE: usize = 4096;
/// How long the end of a process waits for the trail.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
const RETRY_AFTER: Duration = Duration::from_millis(500);
const BATCH: usize = 200;

/// A bounded queue of calls on their way to audit.
#[derive(Debug, Clone)]
pub(crate) struct ToldCalls {
    queue: mpsc::Sender<NewEvent>,
    /// How many are queued or on their way.
    open: Arc<AtomicUsize>,
}

impl ToldCalls {
    pub(crate) fn new(peers: &Peers) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let client = AuditServiceClient::new(peers.channel("audit")?);
        let open = Arc::new(AtomicUsize::new(0));
        trinity_telemetry::spawn("told-calls", deliver(waiting, client, peers.clone(), Arc::clone(&open)));
        Ok(Self { queue, open })
    }

    /// Records a call, with its `outcome` ("OK" or the reason of a refusal), in the trail of the caller's tenant.
    /// Strangers have no tenant whose trail could hold it. False when too many wait.
    pub(crate) fn record(&self, ctx: &RequestContext, policy: &Policy, outcome: &str) -> bool {
        let Some(tenant) = ctx.caller.tenant() else { return true };
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
        self.open.fetch_add(1, Ordering::Relaxed);
        let queued = self.queue.try_send(event).is_ok();
        if !queued {
            self.open.fetch_sub(1, Ordering::Relaxed);
            metrics::counter!("trinity_calls_not_recorded_total").increment(1);
        }
        queued
    }

    /// Waits until nothing is open, or for too long.
    pub(crate) async fn drain(&self) {
        let begun = Instant::now();
        while self.open.load(Ordering::Relaxed) > 0 && begun.elapsed() < DRAIN_TIMEOUT {
            tokio::time::sleep(DRAIN_TIMEOUT / 100).await;
        }
    }
}

async fn deliver(
    mut waiting: mpsc::Receiver<NewEvent>,
    client: AuditServiceClient<Channel>,
    peers: Peers,
    open: Arc<AtomicUsize>,
) {
    let ctx = RequestContext::service("told-calls");
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let events = std::mem::take(&mut batch);
        loop {
            let request = peers.request(&ctx, AppendBatchRequest { events: events.clone() });
            match client.clone().append_batch(request).await {
                Ok(_) => break,
                Err(status) if status.code() == tonic::Code::InvalidArgument => {
                    tracing::error!(%status, "audit refuses a batch of calls");
                    break;
                }
                Err(_) => tokio::time::sleep(RETRY_AFTER).await,
            }
        }
        open.fetch_sub(events.len(), Ordering::Relaxed);
    }
}
