//! Where live workflows stand and whose they are: what decides who may do what with them.

use sqlx::PgConnection;
use trinity_access::Path;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{ProjectId, TenantId, UserId, WorkflowId};

/// A workflow in its project.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Place {
    pub id: WorkflowId,
    pub owner_id: UserId,
    pub project_id: ProjectId,
    pub project_owner_id: UserId,
}

impl Place {
    /// The workflow and what contains it.
    #[must_use]
    pub fn path(&self) -> Path {
        Path::workflow(self.id, self.owner_id, Path::project(self.project_id, self.project_owner_id))
    }
}

/// Finds a live workflow's place.
pub async fn find(tx: &mut PgConnection, tenant: TenantId, id: WorkflowId) -> Result<Option<Place>> {
    let place = sqlx::query_as(
        "SELECT id, coalesce(owner_id, created_by) AS owner_id, project_id,
            coalesce(project_owner_id, created_by) AS project_owner_id
        FROM workflows
        WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(place)
}

/// As [`find`], in one round trip without a transaction.
pub async fn find_at_once(db: &Db, ctx: &RequestContext, id: WorkflowId) -> Result<Option<Place>> {
    // Invariant: begins with trinity_db::CONTEXT_CTE.
    let statement = "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT p.* FROM context CROSS JOIN LATERAL (
            SELECT id, coalesce(owner_id, created_by) AS owner_id, project_id,
                coalesce(project_owner_id, created_by) AS project_owner_id
            FROM workflows
            WHERE tenant_id = context.tenant::uuid AND id = $2 AND deleted_at IS NULL
            OFFSET 0
        ) AS p";
    db.read_one(ctx, statement, |query| query.bind(id)).await
}

/// A workflow's place and what people call it.
#[derive(Debug, sqlx::FromRow)]
pub struct Named {
    #[sqlx(flatten)]
    pub place: Place,
    pub name: String,
    pub slug: String,
}

/// Those of some workflows that are live and of the project.
pub async fn list_named(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    ids: &[WorkflowId],
) -> Result<Vec<Named>> {
    let found = sqlx::query_as(
        "SELECT id, coalesce(owner_id, created_by) AS owner_id, project_id,
            coalesce(project_owner_id, created_by) AS project_owner_id, name, slug
        FROM workflows
        WHERE tenant_id = $1 AND id = ANY ($3) AND project_id = $2 AND deleted_at IS NULL",
    )
    .bind(tenant)
    .bind(project)
    .bind(ids)
    .fetch_all(tx)
    .await?;
    Ok(found)
}

/// Notes who owns a project, where its workflows or jobs say otherwise; says whether any did.
pub async fn set_project_owner(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    owner: UserId,
) -> Result<bool> {
    let corrected: i64 = sqlx::query_scalar(
        "WITH workflow AS (
            UPDATE workflows
            SET project_owner_id = $3
            WHERE tenant_id = $1 AND project_id = $2 AND project_owner_id IS DISTINCT FROM $3
            RETURNING id
        ), job AS (
            UPDATE jobs
            SET project_owner_id = $3
            WHERE tenant_id = $1 AND project_id = $2 AND project_owner_id IS DISTINCT FROM $3
            RETURNING id
        )
        SELECT (SELECT count(*) FROM workflow) + (SELECT count(*) FROM job)",
    )
    .bind(tenant)
    .bind(project)
    .bind(owner)
    .fetch_one(tx)
    .await?;
    Ok(corrected > 0)
}
