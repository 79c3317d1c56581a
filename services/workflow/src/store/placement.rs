//! The tables `workflows` and `jobs`, as far as they say what lies in which folder.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{FolderId, JobId, ProjectId, TenantId, UserId, WorkflowId};

/// How many workflows, and how many jobs, are named at once.
const MAX_NAMED: i64 = 20_000;

/// Where something lies and whose it is.
#[derive(Debug, sqlx::FromRow)]
pub struct Placed {
    pub owner_id: UserId,
    pub project_id: ProjectId,
    pub project_owner_id: UserId,
    pub folder_id: Option<FolderId>,
}

/// Finds a live workflow's place.
pub async fn find_workflow(tx: &mut PgConnection, tenant: TenantId, id: WorkflowId) -> Result<Option<Placed>> {
    let found = sqlx::query_as(
        "SELECT coalesce(owner_id, created_by) AS owner_id, project_id,
            coalesce(project_owner_id, created_by) AS project_owner_id, folder_id
        FROM workflows
        WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    Ok(found.bind(tenant).bind(id).fetch_optional(tx).await?)
}

/// Finds a live job's place.
pub async fn find_job(tx: &mut PgConnection, tenant: TenantId, id: JobId) -> Result<Option<Placed>> {
    let found = sqlx::query_as(
        "SELECT owner_id, project_id, project_owner_id, folder_id
        FROM jobs
        WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    );
    Ok(found.bind(tenant).bind(id).fetch_optional(tx).await?)
}

/// What lies in a folder itself.
#[derive(Debug, Default)]
pub struct Contents {
    /// Deleted ones among them: who may restore them must still reach them.
    pub workflows: Vec<WorkflowId>,
    /// Deleted ones among them.
    pub jobs: Vec<JobId>,
    /// How many of both are live.
    pub live: u32,
}

#[derive(sqlx::FromRow)]
struct Lying<T> {
    folder_id: FolderId,
    id: T,
    live: bool,
}

/// What lies in some folders, of each kind the newest.
pub async fn contents(
    tx: &mut PgConnection,
    tenant: TenantId,
    folders: &[FolderId],
) -> Result<BTreeMap<FolderId, Contents>> {
    let workflows: Vec<Lying<WorkflowId>> = sqlx::query_as(
        "SELECT folder_id, id, deleted_at IS NULL AS live
        FROM workflows
        WHERE tenant_id = $1 AND folder_id = ANY($2)
        ORDER BY id DESC
        LIMIT $3",
    )
    .bind(tenant)
    .bind(folders)
    .bind(MAX_NAMED)
    .fetch_all(&mut *tx)
    .await?;
    let jobs: Vec<Lying<JobId>> = sqlx::query_as(
        "SELECT folder_id, id, deleted_at IS NULL AS live
        FROM jobs
        WHERE tenant_id = $1 AND folder_id = ANY($2)
        ORDER BY id DESC
        LIMIT $3",
    )
    .bind(tenant)
    .bind(folders)
    .bind(MAX_NAMED)
    .fetch_all(tx)
    .await?;
    let mut contents: BTreeMap<FolderId, Contents> = BTreeMap::new();
    for lying in workflows {
        let folder = contents.entry(lying.folder_id).or_default();
        folder.workflows.push(lying.id);
        folder.live += u32::from(lying.live);
    }
    for lying in jobs {
        let folder = contents.entry(lying.folder_id).or_default();
        folder.jobs.push(lying.id);
        folder.live += u32::from(lying.live);
    }
    Ok(contents)
}
