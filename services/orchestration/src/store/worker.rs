//! Workers, for people to see.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::WorkerId;

/// A row of `workers`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: WorkerId,
    pub name: String,
    pub slots: i32,
    pub labels: Vec<String>,
    pub last_seen_at: DateTime<Utc>,
}

/// Notes that workers are there, and forgets those that have been silent for a minute.
pub async fn seen(tx: &mut PgConnection, workers: &[(WorkerId, String, i32, Vec<String>)]) -> Result<()> {
    sqlx::query(
        "INSERT INTO workers (id, name, slots, labels)
        SELECT id, name, slots, string_to_array(labels, ',')
        FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[]) AS w (id, name, slots, labels)
        ORDER BY id
        ON CONFLICT ON CONSTRAINT workers_pkey
            DO UPDATE SET
                name = excluded.name, slots = excluded.slots, labels = excluded.labels, last_seen_at = now()",
    )
    .bind(workers.iter().map(|worker| worker.0).collect::<Vec<_>>())
    .bind(workers.iter().map(|worker| worker.1.as_str()).collect::<Vec<_>>())
    .bind(workers.iter().map(|worker| worker.2).collect::<Vec<_>>())
    // Why: UNNEST flattens arrays of arrays; no label has a comma.
    .bind(workers.iter().map(|worker| worker.3.join(",")).collect::<Vec<_>>())
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM workers WHERE last_seen_at < now() - interval '1 minute'").execute(tx).await?;
    Ok(())
}

/// Workers seen within the last ten seconds, by name.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "SELECT id, name, slots, labels, last_seen_at
        FROM workers
        WHERE last_seen_at > now() - interval '10 seconds'
        ORDER BY name, id",
    )
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
