//! The table `notifications`, and what there is to say of runs that ended.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{JobId, NotificationId, ProjectId, RunId, TenantId, UserId, WorkflowId};

/// A row of `notifications`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: NotificationId,
    pub kind: String,
    pub title: String,
    pub message: String,
    pub run_id: RunId,
    pub workflow_id: Option<WorkflowId>,
    pub created_at: DateTime<Utc>,
    pub read_at: Option<DateTime<Utc>>,
}

/// A run that ended, of which somebody is to be told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Finished {
    pub tenant_id: TenantId,
    pub id: RunId,
    pub name: String,
    pub project_id: ProjectId,
    pub workflow_id: Option<WorkflowId>,
    pub job_id: Option<JobId>,
    pub status: String,
    pub created_by: UserId,
    /// Whether no other run waits for it.
    pub is_root: bool,
    pub notify: Option<String>,
    pub rows_processed: i64,
    pub error_task: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub created_at: DateTime<Utc>,
    pub completed_at: DateTime<Utc>,
}

/// Those of these runs of which somebody may have to be told.
pub async fn list_finished(tx: &mut PgConnection, runs: &[(TenantId, RunId)]) -> Result<Vec<Finished>> {
    let rows = sqlx::query_as(
        "SELECT
            r.tenant_id, r.id, r.name, r.project_id, r.workflow_id, r.job_id, r.status, r.created_by,
            r.parent_run_id IS NULL AS is_root, r.notify::text AS notify, r.rows_processed, r.error_task, r.error_code,
            r.error_message, r.created_at, r.completed_at
        FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, id)
        JOIN runs AS r ON r.tenant_id = k.tenant_id AND r.id = k.id
        WHERE r.completed_at IS NOT NULL
            AND (
                (r.status = 'failed' AND (r.parent_run_id IS NULL OR r.notify IS NOT NULL))
                OR (r.status = 'succeeded' AND r.notify IS NOT NULL)
            )",
    )
    .bind(runs.iter().map(|run| run.0).collect::<Vec<_>>())
    .bind(runs.iter().map(|run| run.1).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Something new for one person.
#[derive(Debug, Clone)]
pub struct New {
    pub tenant: TenantId,
    pub user: UserId,
    pub id: NotificationId,
    pub kind: &'static str,
    pub title: String,
    pub message: String,
    pub run: RunId,
    pub workflow: Option<WorkflowId>,
}

/// Leaves notifications in one statement.
pub async fn insert(tx: &mut PgConnection, new: &[New]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO notifications (tenant_id, user_id, id, kind, title, message, run_id, workflow_id)
        SELECT *
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::uuid[])",
    )
    .bind(new.iter().map(|one| one.tenant).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.user).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.id).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.kind).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.title.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.message.as_str()).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.run).collect::<Vec<_>>())
    .bind(new.iter().map(|one| one.workflow).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

/// A person's notifications, newest first, before the one given.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    unread: bool,
    before: Option<NotificationId>,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "SELECT id, kind, title, message, run_id, workflow_id, created_at, read_at
        FROM notifications
        WHERE tenant_id = $1 AND user_id = $2
            AND (NOT $3 OR read_at IS NULL)
            AND ($4::uuid IS NULL OR id < $4)
        ORDER BY id DESC
        LIMIT $5",
    )
    .bind(tenant)
    .bind(user)
    .bind(unread)
    .bind(before)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Marks a person's notifications as read: those named, or all. Says how many were not before.
pub async fn read(
    tx: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    ids: Option<&[NotificationId]>,
) -> Result<u64> {
    let read = sqlx::query(
        "UPDATE notifications
        SET read_at = now()
        WHERE tenant_id = $1 AND user_id = $2 AND read_at IS NULL AND ($3::uuid[] IS NULL OR id = ANY ($3))",
    )
    .bind(tenant)
    .bind(user)
    .bind(ids)
    .execute(tx)
    .await?;
    Ok(read.rows_affected())
}
