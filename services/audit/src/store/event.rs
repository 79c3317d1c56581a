//! The table `events`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use trinity_error::Result;
use trinity_ids::{EventId, TenantId};

use crate::domain::chain::Link;
use crate::domain::query::Filter;
use crate::domain::record::Record;

macro_rules! columns {
    () => {
        "sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name, \
         before::text AS before, after::text AS after, ip, user_agent, request_id, trace_id, created_at, hash"
    };
}

impl FromRow<'_, PgRow> for Link {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let hash: &[u8] = row.try_get("hash")?;
        let record = Record {
            id: row.try_get("id")?,
            action: row.try_get("action")?,
            outcome: row.try_get("outcome")?,
            actor_type: row.try_get("actor_type")?,
            actor_id: row.try_get("actor_id")?,
            actor_name: row.try_get("actor_name")?,
            object_type: row.try_get("object_type")?,
            object_id: row.try_get("object_id")?,
            object_name: row.try_get("object_name")?,
            before: row.try_get("before")?,
            after: row.try_get("after")?,
            ip: row.try_get("ip")?,
            user_agent: row.try_get("user_agent")?,
            request_id: row.try_get("request_id")?,
            trace_id: row.try_get("trace_id")?,
            created_at: row.try_get("created_at")?,
        };
        // Why: a hash of another length is tampering; it must not pass, nor stop the verification that finds it.
        Ok(Self { sequence: row.try_get("sequence")?, record, hash: hash.try_into().unwrap_or([0xff; 32]) })
    }
}

/// Which of these records are there already.
pub(crate) async fn list_known(tx: &mut PgConnection, tenant: TenantId, records: &[Record]) -> Result<Vec<EventId>> {
    let times = || records.iter().map(|record| record.created_at);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(Vec::new()) };
    // Why the times: they keep the search out of all other months. A repeat has the time of the first.
    let known = sqlx::query_scalar(
        "SELECT id
        FROM events
        WHERE tenant_id = $1 AND id = ANY($2) AND created_at BETWEEN $3 AND $4",
    )
    .bind(tenant)
    .bind(records.iter().map(|record| record.id).collect::<Vec<_>>())
    .bind(first)
    .bind(last)
    .fetch_all(tx)
    .await?;
    Ok(known)
}

/// Adds links in one statement.
pub(crate) async fn insert(tx: &mut PgConnection, tenant: TenantId, links: &[Link]) -> Result<()> {
    let texts = |of: fn(&Record) -> &str| links.iter().map(|link| of(&link.record)).collect::<Vec<_>>();
    let documents = |of: fn(&Record) -> Option<&str>| links.iter().map(|link| of(&link.record)).collect::<Vec<_>>();
    sqlx::query(
        "INSERT INTO events (
            tenant_id, sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name,
            before, after, ip, user_agent, request_id, trace_id, created_at, hash
        )
        SELECT
            $1, sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id, object_name,
            before::json, after::json, ip, user_agent, request_id, trace_id, created_at, hash
        FROM UNNEST(
            $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
            $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
            $18::timestamptz[], $19::bytea[]
        ) AS new (
            sequence, id, action, outcome, actor_type, actor_id, actor_name, object_type, object_id,
            object_name, before, after, ip, user_agent, request_id, trace_id,
            created_at, hash
        )",
    )
    .bind(tenant)
    .bind(links.iter().map(|link| link.sequence).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.record.id).collect::<Vec<_>>())
    .bind(texts(|record| &record.action))
    .bind(texts(|record| &record.outcome))
    .bind(texts(|record| &record.actor_type))
    .bind(texts(|record| &record.actor_id))
    .bind(texts(|record| &record.actor_name))
    .bind(texts(|record| &record.object_type))
    .bind(texts(|record| &record.object_id))
    .bind(texts(|record| &record.object_name))
    .bind(documents(|record| record.before.as_deref()))
    .bind(documents(|record| record.after.as_deref()))
    .bind(texts(|record| &record.ip))
    .bind(texts(|record| &record.user_agent))
    .bind(texts(|record| &record.request_id))
    .bind(texts(|record| &record.trace_id))
    .bind(links.iter().map(|link| link.record.created_at).collect::<Vec<_>>())
    .bind(links.iter().map(|link| link.hash.as_slice()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists records before a sequence, newest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Link>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        "
        FROM events
        WHERE tenant_id = $1
            AND ($2::bigint IS NULL OR sequence < $2)
            AND ($3::text IS NULL OR action = $3)
            AND ($4::text IS NULL OR actor_id = $4)
            AND ($5::text IS NULL OR object_type = $5)
            AND ($6::text IS NULL OR object_id = $6)
            AND ($7::timestamptz IS NULL OR created_at >= $7)
            AND ($8::timestamptz IS NULL OR created_at < $8)
        ORDER BY sequence DESC
        LIMIT $9"
    ))
    .bind(tenant)
    .bind(before)
    .bind(&filter.action)
    .bind(&filter.actor_id)
    .bind(&filter.object_type)
    .bind(&filter.object_id)
    .bind(filter.from)
    .bind(filter.to)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Where a walk through a chain stands. Two rows may claim one sequence, so the sequence alone does not say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub sequence: i64,
    pub created_at: DateTime<Utc>,
}

impl Place {
    pub const START: Self = Self { sequence: i64::MIN, created_at: DateTime::<Utc>::UNIX_EPOCH };
}

/// The next links of a chain in order, whatever their sequences are.
pub(crate) async fn walk(tx: &mut PgConnection, tenant: TenantId, after: Place, limit: i64) -> Result<Vec<Link>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        "
        FROM events
        WHERE tenant_id = $1 AND (sequence, created_at) > ($2, $3)
        ORDER BY sequence, created_at
        LIMIT $4"
    ))
    .bind(tenant)
    .bind(after.sequence)
    .bind(after.created_at)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Makes the partition of this month and those that come next, unless they are there.
pub(crate) async fn ensure_partitions(tx: &mut PgConnection, months_ahead: i32) -> Result<i64> {
    let made = sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE ensure_partition((now() + ahead * interval '1 month')::date))
        FROM generate_series(0, $1) AS ahead",
    )
    .bind(months_ahead)
    .fetch_one(tx)
    .await?;
    Ok(made)
}
