//! Sends webhooks and mails until each has arrived or is given up.
//!
//! A message may arrive twice, never not at all while its receiver answers: the header webhook-id stays the same.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::MissedTickBehavior;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_egress::{Egress, Method, Request};
use trinity_error::{Error, Result};
use trinity_proto::identity::SendMailRequest;
use trinity_proto::identity::mail_service_client::MailServiceClient;
use trinity_rpc::{CancellationToken, Channel, Peers};

use crate::domain::delivery::pause_after;
use crate::jobs::desk::jitter;
use crate::store::delivery::{self, Attempt, Claimed};
use crate::vault::Vault;

const INTERVAL: Duration = Duration::from_millis(500);
/// How many messages are on their way at once, and how many of one tenant one look takes.
const AT_ONCE: usize = 32;
const OF_EACH_TENANT: i64 = 4;
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a message is ours. Longer than sending it takes.
const LEASE: Duration = Duration::from_secs(60);
/// The receiver wants nothing more. Source: Standard Webhooks, "delivery outcomes".
const GONE: u16 = 410;

/// The background room.
pub struct Deliveries {
    pub db: Db,
    pub egress: Egress,
    pub vault: Arc<Vault>,
    pub mails: MailServiceClient<Channel>,
    pub peers: Peers,
}

impl Deliveries {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.send_all()).await;
    }

    async fn send_all(&self) {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = under_way.next() => {}
                _ = tick.tick() => match self.claim(AT_ONCE - under_way.len()).await {
                    Ok(claimed) => under_way.extend(claimed.into_iter().map(|message| self.send(message))),
                    Err(error) => tracing::debug!(%error, "messages wait for the database"),
                },
            }
        }
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Claimed>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin_system("deliveries").await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let claimed = delivery::claim(&mut tx, limit, OF_EACH_TENANT, LEASE).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn send(&self, message: Claimed) {
        let attempt = if message.target_id.is_some() { self.post(&message).await } else { self.mail(&message).await };
        let outcome = if attempt.delivered { "delivered" } else { "not delivered" };
        metrics::counter!("trinity_deliveries_total", "outcome" => outcome).increment(1);
        if let Err(error) = self.note(&message, &attempt).await {
            // Why no retry: the lease runs out, and the message is sent again.
            tracing::warn!(%error, delivery = %message.id, "what became of a message is not noted");
        }
    }

    async fn note(&self, message: &Claimed, attempt: &Attempt) -> Result<()> {
        let mut tx = self.db.begin_system("deliveries").await?;
        delivery::note(&mut tx, message, attempt).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn post(&self, message: &Claimed) -> Attempt {
        let request = match self.request(message) {
            Ok(request) => request,
            Err(error) => return Attempt { error: error.to_string(), ..Attempt::default() },
        };
        match self.egress.send(request).await {
            Ok(answer) => {
                let status = answer.status();
                let delivered = answer.is_success();
                Attempt {
                    delivered,
                    response_status: Some(status.into()),
                    error: if delivered { String::new() } else { format!("answered {status}") },
                    pause: if delivered || status == GONE { None } else { again(message) },
                }
            }
            Err(error) => Attempt {
                error: error.to_string(),
                pause: if error.is_retryable() { again(message) } else { None },
                ..Attempt::default()
            },
        }
    }

    /// The message signed as of now.
    fn request(&self, message: &Claimed) -> Result<Request> {
        let target = message.target_id.zip(message.url.as_ref()).zip(message.sealed_key.as_ref());
        let ((target, url), sealed) = target.ok_or_else(|| Error::not_found("webhook target"))?;
        let key = self.vault.open(target, sealed)?;
        let (id, now) = (message.id.to_string(), Utc::now().timestamp().unsigned_abs());
        let signature = key.sign(&id, now, message.body.as_bytes());
        let request = Request::new(Method::POST, url)
            .and_then(|request| request.header("content-type", "application/json"))
            .and_then(|request| request.header("webhook-id", &id))
            .and_then(|request| request.header("webhook-timestamp", &now.to_string()))
            .and_then(|request| request.header("webhook-signature", &signature));
        Ok(request.map_err(Error::internal)?.body(message.body.clone()).timeout(TIMEOUT))
    }

    async fn mail(&self, message: &Claimed) -> Attempt {
        let mail = SendMailRequest {
            tenant_id: message.tenant_id.to_string(),
            id: message.id.to_string(),
            user_ids: Vec::new(),
            emails: message.recipients.clone(),
            subject: message.subject.clone(),
            text: message.body.clone(),
        };
        let request = self.peers.request(&RequestContext::service("orchestration"), mail);
        match self.mails.clone().send_mail(request).await.map_err(Error::from) {
            Ok(_) => Attempt { delivered: true, ..Attempt::default() },
            Err(error) => Attempt {
                error: error.to_string(),
                pause: if error.is_retryable() { again(message) } else { None },
                ..Attempt::default()
            },
        }
    }
}

/// When a message is tried again, if it is not too old.
fn again(message: &Claimed) -> Option<Duration> {
    let age = Duration::try_from_secs_f64(message.age_seconds).unwrap_or_default();
    pause_after(message.attempts.unsigned_abs(), age, jitter())
}
