//! The table `fires`: what schedules did at their fire times.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{RunId, ScheduleId, TenantId};

/// What a schedule did.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub fire_at: DateTime<Utc>,
    /// waiting, started or skipped.
    pub outcome: String,
    pub run_id: Option<RunId>,
    pub message: String,
}

/// Something new to note.
#[derive(Debug, Clone)]
pub struct New {
    pub fire_at: DateTime<Utc>,
    /// The run that it asked for; none when it was skipped.
    pub run: Option<RunId>,
    pub message: &'static str,
}

/// Notes fire times; gives back those that nobody had noted before.
pub async fn insert(
    tx: &mut PgConnection,
    tenant: TenantId,
    schedule: ScheduleId,
    fires: &[New],
) -> Result<Vec<DateTime<Utc>>> {
    let fresh = sqlx::query_scalar(
        "INSERT INTO fires (tenant_id, schedule_id, fire_at, outcome, run_id, message)
        SELECT $1, $2, f.fire_at, CASE WHEN f.run_id IS NULL THEN 'skipped' ELSE 'started' END, f.run_id, f.message
        FROM unnest($3::timestamptz[], $4::uuid[], $5::text[]) AS f (fire_at, run_id, message)
        ON CONFLICT ON CONSTRAINT fires_pkey DO NOTHING
        RETURNING fire_at",
    )
    .bind(tenant)
    .bind(schedule)
    .bind(fires.iter().map(|fire| fire.fire_at).collect::<Vec<_>>())
    .bind(fires.iter().map(|fire| fire.run).collect::<Vec<_>>())
    .bind(fires.iter().map(|fire| fire.message).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    Ok(fresh)
}

/// Whether a run that a schedule asked for has not ended, and how many of its runs wait to be started.
pub async fn standing(
    tx: &mut PgConnection,
    tenant: TenantId,
    schedule: ScheduleId,
    run: RunId,
) -> Result<(bool, i64)> {
    let standing = sqlx::query_as(
        "SELECT
            EXISTS (SELECT FROM starts WHERE tenant_id = $1 AND id = $3)
                OR EXISTS (SELECT FROM runs WHERE tenant_id = $1 AND id = $3 AND completed_at IS NULL),
            (SELECT count(*) FROM starts WHERE tenant_id = $1 AND schedule_id = $2)",
    )
    .bind(tenant)
    .bind(schedule)
    .bind(run)
    .fetch_one(tx)
    .await?;
    Ok(standing)
}

/// What a schedule did, newest first, before the moment given.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    schedule: ScheduleId,
    before: Option<DateTime<Utc>>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "SELECT
            f.fire_at, CASE WHEN s.id IS NULL THEN f.outcome ELSE 'waiting' END AS outcome,
            CASE WHEN s.id IS NULL THEN f.run_id END AS run_id, coalesce(s.waiting_for, f.message) AS message
        FROM fires AS f
        LEFT JOIN starts AS s ON s.tenant_id = f.tenant_id AND s.id = f.run_id
        WHERE f.tenant_id = $1 AND f.schedule_id = $2 AND ($3::timestamptz IS NULL OR f.fire_at < $3)
        ORDER BY f.fire_at DESC
        LIMIT $4",
    )
    .bind(tenant)
    .bind(schedule)
    .bind(before)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
