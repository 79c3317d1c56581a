//! The table `lineage_events`, and what there is to tell of a run.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{DatasetId, EventId, ProjectId, RunId, TaskId, TenantId};

use crate::store::lineage::Column;

/// What happened to a run.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub tenant_id: TenantId,
    pub id: EventId,
    pub run_id: RunId,
    #[sqlx(rename = "type")]
    pub kind: String,
}

/// Leaves events to be told. One that is known already changes nothing.
pub async fn insert(tx: &mut PgConnection, events: &[Row]) -> Result<()> {
    sqlx::query(
        "INSERT INTO lineage_events (tenant_id, id, run_id, type)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[])
        ON CONFLICT ON CONSTRAINT lineage_events_pkey DO NOTHING",
    )
    .bind(events.iter().map(|event| event.tenant_id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.run_id).collect::<Vec<_>>())
    .bind(events.iter().map(|event| event.kind.as_str()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes up to `limit` events for `lease`, the oldest first; another replica gets others.
pub async fn claim(tx: &mut PgConnection, limit: i64, lease: Duration) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = sqlx::query_as(
        "UPDATE lineage_events AS e
        SET claimed_until = now() + make_interval(secs => $2)
        FROM (
            SELECT tenant_id, id
            FROM lineage_events
            WHERE claimed_until < now()
            ORDER BY id
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE e.tenant_id = due.tenant_id AND e.id = due.id
        RETURNING e.tenant_id, e.id, e.run_id, e.type",
    )
    .bind(limit)
    .bind(lease.as_secs_f64())
    .fetch_all(tx)
    .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// Forgets an event that was told.
pub async fn remove(tx: &mut PgConnection, event: &Row) -> Result<()> {
    sqlx::query("DELETE FROM lineage_events WHERE tenant_id = $1 AND id = $2")
        .bind(event.tenant_id)
        .bind(event.id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Lets events be claimed again.
pub async fn give_back(tx: &mut PgConnection, events: &[Row]) -> Result<()> {
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    sqlx::query("UPDATE lineage_events SET claimed_until = '-infinity' WHERE id = ANY ($1)")
        .bind(ids)
        .execute(tx)
        .await?;
    Ok(())
}

/// A run, as far as it is told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Run {
    pub tenant_id: TenantId,
    pub id: RunId,
    pub project_id: ProjectId,
    /// The workflow's or the job's id.
    pub target_id: uuid::Uuid,
    pub parent_run_id: Option<RunId>,
    pub parent_target_id: Option<uuid::Uuid>,
    pub error_message: Option<String>,
    pub created_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
}

/// The run, if it is still known.
pub async fn find_run(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Option<Run>> {
    let row = sqlx::query_as(
        "SELECT
            r.tenant_id, r.id, r.project_id, coalesce(r.workflow_id, r.job_id) AS target_id, r.parent_run_id,
            coalesce(p.workflow_id, p.job_id) AS parent_target_id, r.error_message, r.created_at, r.completed_at
        FROM runs AS r
        LEFT JOIN runs AS p ON p.tenant_id = r.tenant_id AND p.id = r.parent_run_id
        WHERE r.tenant_id = $1 AND r.id = $2",
    )
    .bind(tenant)
    .bind(run)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// A task that started, as far as it is told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Task {
    pub id: TaskId,
    pub place: String,
    pub status: String,
    pub rows_out: Option<i64>,
    pub error_message: Option<String>,
    pub started_at: DateTime<Utc>,
    pub completed_at: Option<DateTime<Utc>>,
}

/// A run's tasks that started, in the order of its plan.
pub async fn list_tasks(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Vec<Task>> {
    let rows = sqlx::query_as(
        "SELECT id, place, status, rows_out, error_message, started_at, completed_at
        FROM tasks
        WHERE tenant_id = $1 AND run_id = $2 AND started_at IS NOT NULL
        ORDER BY ordinal",
    )
    .bind(tenant)
    .bind(run)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// An output of a task.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Made {
    pub task_id: TaskId,
    pub output_dataset_id: DatasetId,
    pub input_dataset_ids: Vec<Option<DatasetId>>,
    #[sqlx(json)]
    pub columns: Vec<Column>,
}

/// What a run's tasks made.
pub async fn list_made(tx: &mut PgConnection, tenant: TenantId, run: RunId) -> Result<Vec<Made>> {
    let rows = sqlx::query_as(
        "SELECT task_id, output_dataset_id, input_dataset_ids, columns
        FROM lineage
        WHERE tenant_id = $1 AND run_id = $2
        ORDER BY ordinal, output_name, output_dataset_id",
    )
    .bind(tenant)
    .bind(run)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
