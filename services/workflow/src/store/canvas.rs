//! The table `project_canvases`: which canvas is a project's state.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{ProjectId, TenantId, WorkflowId};

/// A project's canvas.
#[derive(Debug, sqlx::FromRow)]
pub struct Row {
    pub canvas: String,
    pub revision: i64,
}

/// Makes a version the project's canvas; gives its revision.
pub async fn set(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    workflow: WorkflowId,
    version: i64,
) -> Result<i64> {
    let revision = sqlx::query_scalar(
        "INSERT INTO project_canvases AS c (tenant_id, project_id, workflow_id, version, revision)
        VALUES ($1, $2, $3, $4, 1)
        ON CONFLICT (tenant_id, project_id) DO UPDATE
        SET workflow_id = $3, version = $4, revision = c.revision + 1, updated_at = now()
        RETURNING revision",
    )
    .bind(tenant)
    .bind(project)
    .bind(workflow)
    .bind(version)
    .fetch_one(tx)
    .await?;
    Ok(revision)
}

/// Finds a project's canvas.
pub async fn find(tx: &mut PgConnection, tenant: TenantId, project: ProjectId) -> Result<Option<Row>> {
    let row = sqlx::query_as(
        "SELECT v.canvas::text AS canvas, c.revision
        FROM project_canvases AS c
        JOIN workflow_versions AS v
            ON v.tenant_id = c.tenant_id AND v.workflow_id = c.workflow_id AND v.version = c.version
        WHERE c.tenant_id = $1 AND c.project_id = $2",
    )
    .bind(tenant)
    .bind(project)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}
