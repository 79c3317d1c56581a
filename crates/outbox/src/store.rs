//! The table `outbox`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::{EventId, TenantId};

use crate::event::Event;
use crate::hint;

/// A row on its way.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Row {
    pub tenant_id: TenantId,
    pub id: EventId,
    pub action: String,
    pub outcome: String,
    pub actor_type: String,
    pub actor_id: String,
    pub actor_name: String,
    pub object_type: String,
    pub object_id: String,
    pub object_name: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub ip: String,
    pub user_agent: String,
    pub request_id: String,
    pub trace_id: String,
    pub created_at: DateTime<Utc>,
    pub audited: bool,
}

/// Writes an event in the transaction of the change that it tells of.
///
/// # Errors
/// `Unauthenticated` without a tenant; `Unavailable` when Postgres is away.
pub async fn write(tx: &mut PgConnection, ctx: &RequestContext, event: Event) -> Result<()> {
    write_all(tx, ctx, vec![(ctx.tenant()?, event)]).await
}

/// Writes many events, each of a tenant of its own, in one statement. The transaction must be allowed to see them all.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn write_all(tx: &mut PgConnection, ctx: &RequestContext, events: Vec<(TenantId, Event)>) -> Result<()> {
    let (actor_type, actor_id, actor_name) = ctx.actor();
    let mut columns = Columns::default();
    for (tenant, event) in events {
        columns.push(tenant, event, actor_type, &actor_id);
    }
    let place: String = sqlx::query_scalar(
        "WITH written AS (
            INSERT INTO outbox (
                tenant_id, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name,
                before, after, ip, user_agent, request_id, trace_id
            )
            SELECT
                e.tenant_id, e.id, e.action, e.outcome, e.actor_type, e.actor_id, $7, e.object_type, e.object_id,
                e.object_name, e.before::json, e.after::json, $13, $14, $15, $16
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::text[]
            ) AS e (
                tenant_id, id, action, outcome, actor_type, actor_id, object_type, object_id, object_name, before, after
            )
        )
        SELECT current_database() || '.' || current_schema()",
    )
    .bind(columns.tenant_id)
    .bind(columns.id)
    .bind(columns.action)
    .bind(columns.outcome)
    .bind(columns.actor_type)
    .bind(columns.actor_id)
    .bind(actor_name)
    .bind(columns.object_type)
    .bind(columns.object_id)
    .bind(columns.object_name)
    .bind(columns.before)
    .bind(columns.after)
    .bind(&ctx.client_ip)
    .bind(&ctx.user_agent)
    .bind(&ctx.request_id)
    .bind(trace_id(&ctx.traceparent))
    .fetch_one(tx)
    .await?;
    hint::at(&place).notify_one();
    Ok(())
}

/// Where the outbox of this connection is: database and schema.
pub(crate) async fn place(tx: &mut PgConnection) -> Result<String> {
    Ok(sqlx::query_scalar("SELECT current_database() || '.' || current_schema()").fetch_one(tx).await?)
}

/// Events as columns, for one `UNNEST`.
#[derive(Default)]
struct Columns {
    tenant_id: Vec<TenantId>,
    id: Vec<EventId>,
    action: Vec<&'static str>,
    outcome: Vec<String>,
    actor_type: Vec<&'static str>,
    actor_id: Vec<String>,
    object_type: Vec<&'static str>,
    object_id: Vec<String>,
    object_name: Vec<String>,
    before: Vec<Option<String>>,
    after: Vec<Option<String>>,
}

impl Columns {
    fn push(&mut self, tenant: TenantId, event: Event, actor_type: &'static str, actor_id: &str) {
        let (actor_type, actor_id) = match event.actor_id {
            Some(user) => ("user", user),
            None => (actor_type, actor_id.to_owned()),
        };
        self.tenant_id.push(tenant);
        self.id.push(EventId::new());
        self.action.push(event.action);
        self.outcome.push(event.outcome.unwrap_or_else(|| "OK".to_owned()));
        self.actor_type.push(actor_type);
        self.actor_id.push(actor_id);
        self.object_type.push(event.object_type);
        self.object_id.push(event.object_id);
        self.object_name.push(event.object_name);
        self.before.push(event.before);
        self.after.push(event.after);
    }
}

/// Takes up to `limit` waiting rows for `lease`; another relay gets others.
pub(crate) async fn claim(tx: &mut PgConnection, limit: i64, lease: Duration) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = sqlx::query_as(
        "UPDATE outbox AS o
        SET claimed_until = now() + $2
        FROM (
            SELECT tenant_id, id
            FROM outbox
            WHERE claimed_until < now()
            ORDER BY id
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE o.tenant_id = due.tenant_id AND o.id = due.id
        RETURNING
            o.tenant_id, o.id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name,
            before::text AS before, after::text AS after, ip, user_agent, request_id, trace_id, created_at, audited",
    )
    .bind(limit)
    .bind(interval(lease))
    .fetch_all(tx)
    .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// Forgets rows that everybody has taken.
pub(crate) async fn remove(tx: &mut PgConnection, rows: &[Row]) -> Result<()> {
    sqlx::query(
        "DELETE FROM outbox AS o
        USING unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
        WHERE o.tenant_id = k.tenant_id AND o.id = k.id",
    )
    .bind(rows.iter().map(|row| row.tenant_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Gives rows back, to be tried again after a pause; those that audit has taken stay marked so.
pub(crate) async fn release(tx: &mut PgConnection, rows: &[Row], audited: bool, pause: Duration) -> Result<()> {
    sqlx::query(
        "UPDATE outbox AS o
        SET claimed_until = now() + $4, audited = o.audited OR $3
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
        WHERE o.tenant_id = k.tenant_id AND o.id = k.id",
    )
    .bind(rows.iter().map(|row| row.tenant_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind(audited)
    .bind(interval(pause))
    .execute(tx)
    .await?;
    Ok(())
}

fn interval(duration: Duration) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: i64::try_from(duration.as_micros()).unwrap_or(i64::MAX) }
}

/// The trace id of a W3C `traceparent`.
fn trace_id(traceparent: &str) -> &str {
    traceparent.split('-').nth(1).unwrap_or_default()
}
