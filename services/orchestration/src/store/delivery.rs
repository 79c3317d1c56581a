//! The table `deliveries`: messages to webhook targets and mailboxes, until they have arrived or are given up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{DeliveryId, RunId, TenantId, WebhookTargetId};

/// A delivery as people see it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: DeliveryId,
    pub run_id: RunId,
    pub kind: String,
    pub status: String,
    pub attempts: i32,
    pub response_status: Option<i32>,
    pub error: String,
    pub created_at: DateTime<Utc>,
    pub next_attempt_at: DateTime<Utc>,
}

/// A new message: to a target, or to mailboxes.
#[derive(Debug, Clone)]
pub struct New {
    pub tenant: TenantId,
    pub target: Option<WebhookTargetId>,
    pub recipients: Vec<String>,
    pub run: RunId,
    pub kind: &'static str,
    pub subject: String,
    pub body: String,
}

/// Leaves messages in one statement; those to targets that are gone are left out.
pub async fn insert(tx: &mut PgConnection, new: &[New]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    // Why: UNNEST flattens arrays of arrays, so the addresses travel as JSON texts.
    let recipients = new.iter().map(|one| serde_json::json!(one.recipients).to_string()).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO deliveries (tenant_id, id, target_id, recipients, run_id, kind, subject, body)
        SELECT
            d.tenant_id, d.id, d.target_id, ARRAY(SELECT json_array_elements_text(d.recipients::json)), d.run_id, d.kind,
            d.subject, d.body
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[]
        ) AS d (tenant_id, id, target_id, recipients, run_id, kind, subject, body)
        WHERE d.target_id IS NULL
            OR EXISTS (SELECT FROM webhook_targets AS t WHERE t.tenant_id = d.tenant_id AND t.id = d.target_id FOR KEY SHARE)",
    )
    .bind(new.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(new.iter().map(|_| DeliveryId::new()).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.target).collect::<Vec<_>>())
    .bind(recipients)
    .bind(new.iter().map(|one| one.run).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.kind).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.body.as_str()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// A message to be sent now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Claimed {
    pub tenant_id: TenantId,
    pub id: DeliveryId,
    /// How often it was tried, this time included; whoever claims it next has a higher number.
    pub attempts: i32,
    pub target_id: Option<WebhookTargetId>,
    pub url: Option<String>,
    pub sealed_key: Option<Vec<u8>>,
    pub recipients: Vec<String>,
    pub subject: String,
    pub body: String,
    pub age_seconds: f64,
}

/// Takes up to `limit` messages for `lease`, at most `of_each` of a tenant; another replica gets others.
pub async fn claim(tx: &mut PgConnection, limit: i64, of_each: i64, lease: Duration) -> Result<Vec<Claimed>> {
    let claimed = sqlx::query_as(
        "WITH due AS (
            SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY next_attempt_at, id) AS place
            FROM deliveries
            WHERE status = 'waiting' AND next_attempt_at <= now()
        ),
        mine AS (
            SELECT d.tenant_id, d.id
            FROM due
            JOIN deliveries AS d ON d.tenant_id = due.tenant_id AND d.id = due.id
            WHERE due.place <= $2 AND d.status = 'waiting' AND d.next_attempt_at <= now()
            ORDER BY due.place, d.next_attempt_at
            LIMIT $1
            FOR UPDATE OF d SKIP LOCKED
        )
        UPDATE deliveries AS d
        SET attempts = d.attempts + 1, next_attempt_at = now() + make_interval(secs => $3)
        FROM mine AS m
        LEFT JOIN deliveries AS o ON o.tenant_id = m.tenant_id AND o.id = m.id
        LEFT JOIN webhook_targets AS t ON t.tenant_id = o.tenant_id AND t.id = o.target_id
        WHERE d.tenant_id = m.tenant_id AND d.id = m.id
        RETURNING
            d.tenant_id, d.id, d.attempts, d.target_id, t.url, t.sealed_key, d.recipients, d.subject, d.body,
            extract(epoch FROM now() - d.created_at)::double precision AS age_seconds",
    )
    .bind(limit)
    .bind(of_each)
    .bind(lease.as_secs_f64())
    .fetch_all(tx)
    .await?;
    Ok(claimed)
}

/// What became of an attempt.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    pub delivered: bool,
    pub response_status: Option<i32>,
    pub error: String,
    /// When it is tried again; none when it is given up or delivered.
    pub pause: Option<Duration>,
}

/// Notes what became of an attempt, unless another has been made since.
pub async fn note(tx: &mut PgConnection, claimed: &Claimed, attempt: &Attempt) -> Result<()> {
    let status = match (attempt.delivered, attempt.pause) {
        (true, _) => "delivered",
        (false, Some(_)) => "waiting",
        (false, None) => "failed",
    };
    sqlx::query(
        "UPDATE deliveries
        SET status = $4, response_status = $5, error = $6, next_attempt_at = now() + make_interval(secs => $7)
        WHERE tenant_id = $1 AND id = $2 AND attempts = $3 AND status = 'waiting'",
    )
    .bind(claimed.tenant_id)
    .bind(claimed.id)
    .bind(claimed.attempts)
    .bind(status)
    .bind(attempt.response_status)
    .bind(&attempt.error)
    .bind(attempt.pause.unwrap_or_default().as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// What was sent to a target, newest first, before the one given.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    target: WebhookTargetId,
    before: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "SELECT id, run_id, kind, status, attempts, response_status, error, created_at, next_attempt_at
        FROM deliveries
        WHERE tenant_id = $1 AND target_id = $2 AND ($3::uuid IS NULL OR id < $3)
        ORDER BY id DESC
        LIMIT $4",
    )
    .bind(tenant)
    .bind(target)
    .bind(before)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
