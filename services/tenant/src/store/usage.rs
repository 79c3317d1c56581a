//! The tables `usage` and `usage_batches`.

use chrono::NaiveDate;
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

use crate::domain::usage::{Amounts, Day, Tally};

#[derive(sqlx::FromRow)]
struct Row {
    day: NaiveDate,
    requests: i64,
    runs: i64,
    task_seconds: i64,
    storage_bytes: i64,
    seats: i64,
}

/// Remembers a batch; tells whether it is new. Who sends the same one at the same time waits for the outcome of the first.
pub async fn insert_batch(tx: &mut PgConnection, batch_id: &str) -> Result<bool> {
    let query = sqlx::query("INSERT INTO usage_batches (batch_id) VALUES ($1) ON CONFLICT DO NOTHING");
    Ok(query.bind(batch_id).execute(tx).await?.rows_affected() > 0)
}

/// Forgets batches that nobody will repeat any more.
pub async fn delete_old_batches(tx: &mut PgConnection, days: i32) -> Result<u64> {
    let query = sqlx::query("DELETE FROM usage_batches WHERE counted_at < now() - make_interval(days => $1)");
    Ok(query.bind(days).execute(tx).await?.rows_affected())
}

/// Adds amounts to days, across tenants, in order of tenant and day. Tenants that are gone are passed over.
pub async fn add(tx: &mut PgConnection, tally: &Tally) -> Result<()> {
    let column = |amount: fn(&Amounts) -> i64| tally.values().map(amount).collect::<Vec<i64>>();
    sqlx::query(
        "INSERT INTO usage AS u (tenant_id, day, requests, runs, task_seconds, storage_bytes, seats)
        SELECT e.tenant_id, e.day, e.requests, e.runs, e.task_seconds, e.storage_bytes, e.seats
        FROM
            unnest($1::uuid[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
                AS e (tenant_id, day, requests, runs, task_seconds, storage_bytes, seats)
            JOIN tenants AS t ON t.tenant_id = e.tenant_id
        ORDER BY e.tenant_id, e.day
        ON CONFLICT ON CONSTRAINT usage_pkey DO UPDATE
        SET requests = u.requests + EXCLUDED.requests,
            runs = u.runs + EXCLUDED.runs,
            task_seconds = u.task_seconds + EXCLUDED.task_seconds,
            storage_bytes = greatest(u.storage_bytes, EXCLUDED.storage_bytes),
            seats = greatest(u.seats, EXCLUDED.seats)",
    )
    .bind(tally.keys().map(|(tenant, _)| *tenant).collect::<Vec<TenantId>>())
    .bind(tally.keys().map(|(_, day)| *day).collect::<Vec<NaiveDate>>())
    .bind(column(|amounts| amounts.requests))
    .bind(column(|amounts| amounts.runs))
    .bind(column(|amounts| amounts.task_seconds))
    .bind(column(|amounts| amounts.storage_bytes))
    .bind(column(|amounts| amounts.seats))
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists the days from `first` to `last`, those without use, too.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, first: NaiveDate, last: NaiveDate) -> Result<Vec<Day>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT
            d.day, coalesce(u.requests, 0) AS requests, coalesce(u.runs, 0) AS runs,
            coalesce(u.task_seconds, 0) AS task_seconds, coalesce(u.storage_bytes, 0) AS storage_bytes,
            coalesce(u.seats, 0) AS seats
        FROM
            generate_series(0, $3::date - $2::date) AS n
            CROSS JOIN LATERAL (SELECT $2::date + n AS day) AS d
            LEFT JOIN usage AS u ON u.tenant_id = $1 AND u.day = d.day
        ORDER BY d.day",
    )
    .bind(tenant)
    .bind(first)
    .bind(last)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

impl From<Row> for Day {
    fn from(row: Row) -> Self {
        let amounts = Amounts {
            requests: row.requests,
            runs: row.runs,
            task_seconds: row.task_seconds,
            storage_bytes: row.storage_bytes,
            seats: row.seats,
        };
        Self { day: row.day, amounts }
    }
}
