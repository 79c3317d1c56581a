//! Carries rows of the outbox to audit, to Redis, and to the service's own sinks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prost_types::Timestamp;
use tokio::sync::Notify;
use trinity_bus::{Bus, Entry};
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{EventId, TenantId};
use trinity_proto::audit::audit_service_client::AuditServiceClient;
use trinity_proto::audit::{Actor, AppendBatchRequest, NewEvent};
use trinity_proto::common::Json;
use trinity_rpc::{CancellationToken, Channel, EVENTS, Peers, Runtime};

use crate::hint;
use crate::store::{self, Row};

const BATCH: i64 = 200;
/// How many bytes of documents go to audit at once, give or take one row.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// How long a relay may take over a batch before another may try.
const LEASE: Duration = Duration::from_secs(30);
/// How long refused rows stand back, so that others come first.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// When rows are looked for after a hint, which comes before their commit. The first pause lets some gather.
const COMMIT_PAUSES: [Duration; 5] = [
    Duration::from_millis(25),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];
/// How often rows are looked for without a hint.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// One event as a service's own sink sees it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event's id, the same at every repeat.
    pub id: EventId,
    /// The tenant.
    pub tenant: TenantId,
    /// Such as `workflow.save`.
    pub action: String,
    /// The object's id.
    pub object_id: String,
    /// The object after, as JSON.
    pub after: Option<String>,
}

/// Somebody else who must be told, at least once.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Takes events; an error brings them again later.
    async fn deliver(&self, events: &[Delivery]) -> Result<()>;
}

/// Background room: the relay of one service.
pub struct Relay {
    service: &'static str,
    db: Db,
    audit: AuditServiceClient<Channel>,
    peers: Peers,
    bus: Bus,
    sinks: Vec<Box<dyn Sink>>,
    shutdown: CancellationToken,
}

impl Relay {
    /// Prepares the relay of `service`.
    ///
    /// # Errors
    /// Names the setting of a peer that is missing.
    pub fn new(service: &'static str, db: Db, runtime: &Runtime) -> anyhow::Result<Self> {
        Ok(Self {
            service,
            db,
            audit: AuditServiceClient::new(runtime.peers.channel("audit")?),
            peers: runtime.peers.clone(),
            bus: runtime.bus.clone(),
            sinks: Vec::new(),
            shutdown: runtime.shutdown.clone(),
        })
    }

    /// Adds somebody who must be told.
    #[must_use]
    pub fn with_sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Starts the relay in the background.
    pub fn spawn(self) {
        trinity_telemetry::spawn("outbox-relay", async move {
            let shutdown = self.shutdown.clone();
            shutdown.run_until_cancelled(self.run()).await;
        });
    }

    async fn run(self) {
        let mut hint = None;
        loop {
            if hint.is_none() {
                hint = self.hint().await.ok();
            }
            self.carry_all().await;
            let sweep = tokio::time::sleep(SWEEP_INTERVAL);
            let Some(hint) = &hint else {
                sweep.await;
                continue;
            };
            tokio::select! {
                () = sweep => {}
                () = hint.notified() => self.await_commits(hint).await,
            }
        }
    }

    async fn hint(&self) -> Result<Arc<Notify>> {
        let mut tx = self.db.begin_system("outbox-place").await?;
        Ok(hint::at(&store::place(&mut tx).await?))
    }

    /// Looks for rows that were announced, until no more come; what is committed later than that the sweep finds.
    async fn await_commits(&self, hint: &Notify) {
        let mut pauses = COMMIT_PAUSES.iter();
        let mut is_first = true;
        while let Some(pause) = pauses.next() {
            let again = tokio::select! {
                () = tokio::time::sleep(*pause) => self.carry_all().await > 0,
                () = hint.notified(), if !is_first => true,
            };
            is_first = again;
            if again {
                pauses = COMMIT_PAUSES.iter();
            }
        }
    }

    /// Carries what waits; says how many rows that were.
    async fn carry_all(&self) -> usize {
        let mut all = 0;
        loop {
            match self.carry().await {
                Ok(carried) => {
                    all += carried;
                    if i64::try_from(carried).is_ok_and(|carried| carried < BATCH) {
                        return all;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the outbox waits");
                    return all;
                }
            }
        }
    }

    /// Carries one batch; says how many rows it had.
    async fn carry(&self) -> Result<usize> {
        let mut tx = self.db.begin_repeatable("outbox-claim").await?;
        let rows = store::claim(&mut tx, BATCH, LEASE).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        tx.commit().await?;
        match self.deliver(&rows).await {
            // Why: one row that somebody refuses for good must not hold up the others.
            Err(error) if !error.is_retryable() && rows.len() > 1 => {
                for row in &rows {
                    if let Err(error) = self.deliver(std::slice::from_ref(row)).await {
                        tracing::error!(%error, event = %row.id, action = row.action, "an event is refused; it stays and is tried again");
                    }
                }
                Ok(rows.len())
            }
            outcome => outcome.map(|()| rows.len()),
        }
    }

    /// Tells everybody about some rows, and forgets them once all have taken them.
    async fn deliver(&self, rows: &[Row]) -> Result<()> {
        let audited = self.tell_audit(rows).await;
        let told = match &audited {
            Ok(()) => self.tell_others(rows).await,
            Err(_) => Ok(()),
        };
        let mut tx = self.db.begin_repeatable("outbox-done").await?;
        if audited.is_ok() && told.is_ok() {
            store::remove(&mut tx, rows).await?;
        } else {
            store::release(&mut tx, rows, audited.is_ok(), RETRY_AFTER).await?;
        }
        tx.commit().await?;
        audited.and(told)
    }

    async fn tell_audit(&self, rows: &[Row]) -> Result<()> {
        let mut events = Vec::new();
        let mut bytes = 0;
        for row in rows.iter().filter(|row| !row.audited) {
            if bytes > MAX_BATCH_BYTES {
                self.append(std::mem::take(&mut events)).await?;
                bytes = 0;
            }
            bytes += [&row.before, &row.after].into_iter().flatten().map(String::len).sum::<usize>();
            events.push(new_event(row));
        }
        self.append(events).await
    }

    async fn append(&self, events: Vec<NewEvent>) -> Result<()> {
        if !events.is_empty() {
            let request = self.peers.request(&RequestContext::service(self.service), AppendBatchRequest { events });
            self.audit.clone().append_batch(request).await?;
        }
        Ok(())
    }

    async fn tell_others(&self, rows: &[Row]) -> Result<()> {
        let deliveries: Vec<Delivery> = rows.iter().map(delivery).collect();
        for sink in &self.sinks {
            sink.deliver(&deliveries).await?;
        }
        let entries: Vec<Entry> = rows.iter().map(entry).collect();
        // Why: announcements are hints; while Redis is away, nobody waits for them.
        if self.bus.publish(EVENTS, &entries).await.is_err() {
            metrics::counter!("trinity_announcements_dropped_total").increment(entries.len() as u64);
        }
        Ok(())
    }
}

fn new_event(row: &Row) -> NewEvent {
    NewEvent {
        id: row.id.to_string(),
        tenant_id: row.tenant_id.to_string(),
        action: row.action.clone(),
        outcome: row.outcome.clone(),
        actor: Some(Actor { r#type: row.actor_type.clone(), id: row.actor_id.clone(), name: row.actor_name.clone() }),
        object_type: row.object_type.clone(),
        object_id: row.object_id.clone(),
        object_name: row.object_name.clone(),
        before: row.before.clone().map(Json::new),
        after: row.after.clone().map(Json::new),
        ip: row.ip.clone(),
        user_agent: row.user_agent.clone(),
        request_id: row.request_id.clone(),
        trace_id: row.trace_id.clone(),
        created_at: Some(Timestamp {
            seconds: row.created_at.timestamp(),
            nanos: i32::try_from(row.created_at.timestamp_subsec_nanos()).unwrap_or_default(),
        }),
    }
}

fn delivery(row: &Row) -> Delivery {
    Delivery {
        id: row.id,
        tenant: row.tenant_id,
        action: row.action.clone(),
        object_id: row.object_id.clone(),
        after: row.after.clone(),
    }
}

/// What goes to Redis: ids and words, never documents; who may see the object reads it from its service.
fn entry(row: &Row) -> Entry {
    [
        ("id", row.id.to_string()),
        ("tenant_id", row.tenant_id.to_string()),
        ("action", row.action.clone()),
        ("object_type", row.object_type.clone()),
        ("object_id", row.object_id.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
