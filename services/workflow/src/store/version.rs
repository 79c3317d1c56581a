//! The table `workflow_versions`: immutable but for the comment.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{ProjectId, TenantId, UserId, WorkflowId};

/// A version to be added.
#[derive(Debug)]
pub struct NewVersion<'a> {
    pub workflow: WorkflowId,
    pub version: i64,
    pub canvas: &'a str,
    pub canvas_hash: &'a [u8],
    /// As JSON.
    pub plan: &'a str,
    /// As JSON.
    pub faults: &'a str,
    pub comment: &'a str,
    pub created_by: UserId,
}

/// A version without its canvas.
#[derive(Debug, sqlx::FromRow)]
pub struct Row {
    pub workflow_id: WorkflowId,
    pub version: i64,
    pub comment: String,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
}

/// A version with its canvas.
#[derive(Debug, sqlx::FromRow)]
pub struct Full {
    #[sqlx(flatten)]
    pub row: Row,
    pub project_id: ProjectId,
    pub canvas: String,
}

/// What a save compares with.
#[derive(Debug, sqlx::FromRow)]
pub struct Stored {
    pub canvas_hash: Vec<u8>,
    /// As JSON.
    pub faults: String,
}

/// A plan as it was stored, with what a run wants to know of its workflow.
#[derive(Debug, sqlx::FromRow)]
pub struct Planned {
    pub name: String,
    pub owner_id: UserId,
    pub project_id: ProjectId,
    pub project_owner_id: UserId,
    pub version: i64,
    /// As JSON.
    pub plan: String,
    /// As JSON.
    pub faults: String,
    /// As JSON.
    pub notifications: String,
}

/// Adds a version.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, new: &NewVersion<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO workflow_versions (
            tenant_id, workflow_id, version, canvas, canvas_hash, plan, faults, comment, created_by
        )
        VALUES ($1, $2, $3, $4::json, $5, $6::json, $7::json, $8, $9)",
    )
    .bind(tenant)
    .bind(new.workflow)
    .bind(new.version)
    .bind(new.canvas)
    .bind(new.canvas_hash)
    .bind(new.plan)
    .bind(new.faults)
    .bind(new.comment)
    .bind(new.created_by)
    .execute(tx)
    .await?;
    Ok(())
}

/// Adds a version with the canvas of the one before, for changes beside the canvas.
pub async fn insert_next(
    tx: &mut PgConnection,
    tenant: TenantId,
    workflow: WorkflowId,
    last: i64,
    user: UserId,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO workflow_versions (
            tenant_id, workflow_id, version, canvas, canvas_hash, plan, faults, comment, created_by
        )
        SELECT tenant_id, workflow_id, version + 1, canvas, canvas_hash, plan, faults, '', $4
        FROM workflow_versions
        WHERE tenant_id = $1 AND workflow_id = $2 AND version = $3",
    )
    .bind(tenant)
    .bind(workflow)
    .bind(last)
    .bind(user)
    .execute(tx)
    .await?;
    Ok(())
}

/// Reads what a save compares with.
pub async fn stored(tx: &mut PgConnection, tenant: TenantId, workflow: WorkflowId, version: i64) -> Result<Stored> {
    let stored = sqlx::query_as(
        "SELECT canvas_hash, faults::text AS faults
        FROM workflow_versions
        WHERE tenant_id = $1 AND workflow_id = $2 AND version = $3",
    )
    .bind(tenant)
    .bind(workflow)
    .bind(version)
    .fetch_one(tx)
    .await?;
    Ok(stored)
}

/// Finds a version of a live workflow with its canvas; the newest when `version` is None.
pub async fn find(
    tx: &mut PgConnection,
    tenant: TenantId,
    workflow: WorkflowId,
    version: Option<i64>,
) -> Result<Option<Full>> {
    let found = sqlx::query_as(
        "SELECT v.workflow_id, v.version, v.comment, v.created_by, v.created_at, w.project_id, v.canvas::text AS canvas
        FROM workflows AS w
        JOIN workflow_versions AS v
            ON v.tenant_id = w.tenant_id AND v.workflow_id = w.id AND v.version = coalesce($3, w.version)
        WHERE w.tenant_id = $1 AND w.id = $2 AND w.deleted_at IS NULL",
    )
    .bind(tenant)
    .bind(workflow)
    .bind(version)
    .fetch_optional(tx)
    .await?;
    Ok(found)
}

/// Versions below `before`, newest first.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    workflow: WorkflowId,
    before: i64,
    limit: i64,
) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "SELECT workflow_id, version, comment, created_by, created_at
        FROM workflow_versions
        WHERE tenant_id = $1 AND workflow_id = $2 AND version < $3
        ORDER BY version DESC
        LIMIT $4",
    )
    .bind(tenant)
    .bind(workflow)
    .bind(before)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Sets the comment of a version.
pub async fn set_comment(
    tx: &mut PgConnection,
    tenant: TenantId,
    workflow: WorkflowId,
    version: i64,
    comment: &str,
) -> Result<()> {
    sqlx::query("UPDATE workflow_versions SET comment = $4 WHERE tenant_id = $1 AND workflow_id = $2 AND version = $3")
        .bind(tenant)
        .bind(workflow)
        .bind(version)
        .bind(comment)
        .execute(tx)
        .await?;
    Ok(())
}

/// Finds the plan of a live workflow's version, in one round trip; the newest when `version` is None.
pub async fn find_plan(
    db: &Db,
    ctx: &RequestContext,
    workflow: WorkflowId,
    version: Option<i64>,
) -> Result<Option<Planned>> {
    // Invariant: begins with trinity_db::CONTEXT_CTE.
    let statement = "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT f.* FROM context CROSS JOIN LATERAL (
            SELECT w.name, w.owner_id, w.project_id, w.project_owner_id, v.version, v.plan::text AS plan,
                v.faults::text AS faults, w.notifications
            FROM (
                SELECT id, name, version, coalesce(owner_id, created_by) AS owner_id, project_id,
                    coalesce(project_owner_id, created_by) AS project_owner_id, notifications::text AS notifications
                FROM workflows
                WHERE tenant_id = context.tenant::uuid AND id = $2 AND deleted_at IS NULL
                OFFSET 0
            ) AS w
            JOIN workflow_versions AS v
                ON v.tenant_id = context.tenant::uuid AND v.workflow_id = w.id AND v.version = coalesce($3, w.version)
            OFFSET 0
        ) AS f";
    db.read_one(ctx, statement, |query| query.bind(workflow).bind(version)).await
}
