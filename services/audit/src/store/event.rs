//! The table `events`: appended to and read, never changed.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{EventId, TenantId};

use crate::domain::event::{Event, Link};

#[derive(Debug, sqlx::FromRow)]
struct Row {
    sequence: i64,
    id: EventId,
    action: String,
    outcome: String,
    actor_type: String,
    actor_id: String,
    actor_name: String,
    object_type: String,
    object_id: String,
    object_name: String,
    before: Option<String>,
    after: Option<String>,
    ip: String,
    user_agent: String,
    request_id: String,
    trace_id: String,
    created_at: DateTime<Utc>,
    hash: Vec<u8>,
}

impl From<Row> for Link {
    fn from(row: Row) -> Self {
        let event = Event {
            id: row.id,
            action: row.action,
            outcome: row.outcome,
            actor_type: row.actor_type,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            object_type: row.object_type,
            object_id: row.object_id,
            object_name: row.object_name,
            before: row.before,
            after: row.after,
            ip: row.ip,
            user_agent: row.user_agent,
            request_id: row.request_id,
            trace_id: row.trace_id,
            created_at: row.created_at,
        };
        Self { sequence: row.sequence.unsigned_abs(), event, hash: row.hash }
    }
}

const COLUMNS: &str = "sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name,
    before::text AS before, after::text AS after, ip, user_agent, request_id, trace_id, created_at, hash";

/// Which of these events the chain has already.
pub async fn known(tx: &mut PgConnection, tenant: TenantId, events: &[Event]) -> Result<Vec<EventId>> {
    let known = sqlx::query_scalar(
        "SELECT e.id
        FROM unnest($2::uuid[], $3::timestamptz[]) AS k (id, created_at)
        JOIN events AS e ON e.tenant_id = $1 AND e.id = k.id AND e.created_at = k.created_at",
    )
    .bind(tenant)
    .bind(events.iter().map(|event| event.id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.created_at).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    Ok(known)
}

/// Appends links in one statement.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, links: &[Link]) -> Result<()> {
    let text = |pick: fn(&Event) -> &String| links.iter().map(|link| pick(&link.event).clone()).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO events (
            tenant_id, sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id,
            object_name, before, after, ip, user_agent, request_id, trace_id, created_at, hash
        )
        SELECT
            $1, e.sequence, e.id, e.action, e.outcome, e.actor_type, e.actor_id, e.actor_name, e.object_type, e.object_id,
            e.object_name, e.before::json, e.after::json, e.ip, e.user_agent, e.request_id, e.trace_id, e.created_at, e.hash
        FROM unnest(
            $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
            $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::timestamptz[],
            $19::bytea[]
        ) AS e (
            sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name, before,
            after, ip, user_agent, request_id, trace_id, created_at, hash
        )",
    )
    .bind(tenant)
    .bind(links.iter().map(|link| i64::try_from(link.sequence).unwrap_or(i64::MAX)).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.event.id).collect::<Vec<_>>())
    .bind(text(|event| &event.action))
    .bind(text(|event| &event.outcome))
    .bind(text(|event| &event.actor_type))
    .bind(text(|event| &event.actor_id))
    .bind(text(|event| &event.actor_name))
    .bind(text(|event| &event.object_type))
    .bind(text(|event| &event.object_id))
    .bind(text(|event| &event.object_name))
    .bind(links.iter().map(|link| link.event.before.clone()).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.event.after.clone()).collect::<Vec<_>>())
    .bind(text(|event| &event.ip))
    .bind(text(|event| &event.user_agent))
    .bind(text(|event| &event.request_id))
    .bind(text(|event| &event.trace_id))
    .bind(links.iter().map(|link| link.event.created_at).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.hash.clone()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Which events a list shows; empty texts filter nothing.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub action: String,
    pub actor_id: String,
    pub object_type: String,
    pub object_id: String,
    pub from: Option<DateTime<Utc>>,
    pub to: Option<DateTime<Utc>>,
}

/// Events before a sequence, newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, filter: &Filter, before: Option<i64>, limit: i64) -> Result<Vec<Link>> {
    let statement = format!(
        "SELECT {COLUMNS}
        FROM events
        WHERE tenant_id = $1
            AND ($2 = '' OR action = $2)
            AND ($3 = '' OR actor_id = $3)
            AND ($4 = '' OR object_type = $4)
            AND ($5 = '' OR object_id = $5)
            AND ($6::timestamptz IS NULL OR created_at >= $6)
            AND ($7::timestamptz IS NULL OR created_at < $7)
            AND ($8::bigint IS NULL OR sequence < $8)
        ORDER BY sequence DESC
        LIMIT $9"
    );
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(tenant)
        .bind(&filter.action)
        .bind(&filter.actor_id)
        .bind(&filter.object_type)
        .bind(&filter.object_id)
        .bind(filter.from)
        .bind(filter.to)
        .bind(before)
        .bind(limit)
        .fetch_all(tx)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Links behind a sequence, in order.
pub async fn list_forward(tx: &mut PgConnection, tenant: TenantId, after: i64, limit: i64) -> Result<Vec<Link>> {
    let statement = format!("SELECT {COLUMNS} FROM events WHERE tenant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3");
    let rows: Vec<Row> =
        sqlx::query_as(sqlx::AssertSqlSafe(statement)).bind(tenant).bind(after).bind(limit).fetch_all(tx).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
