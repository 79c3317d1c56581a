//! The table `workflows`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{Path, Visible};
use trinity_context::RequestContext;
use trinity_db::{Db, Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{FolderId, ProjectId, TenantId, UserId, WorkflowId};

use super::place::Place;
use crate::error;

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "id, project_id, folder_id, name, slug, description, tags, parameters::text AS parameters,
        notifications::text AS notifications, version, molecules_used, atoms_used, execution_count, last_executed_at,
        checked_out_by, checked_out_at, coalesce(owner_id, created_by) AS owner_id,
        coalesce(project_owner_id, created_by) AS project_owner_id, created_by, created_at, updated_at, deleted_at"
    };
}

/// The rows of a list, by the arguments that [`bound`] binds.
macro_rules! listed {
    () => {
        "FROM workflows AS w
        WHERE tenant_id = $1 AND project_id = $2 AND deleted_at IS NULL
            AND ($3::text IS NULL OR EXISTS (
                SELECT FROM workflow_atoms AS a WHERE a.tenant_id = $1 AND a.atom = $3 AND a.workflow_id = w.id
            ))
            AND (
                $4
                OR coalesce(owner_id, created_by) = $5
                OR coalesce(project_owner_id, created_by) = $5
                OR project_id = ANY ($6)
                OR id = ANY ($7)
            )
            AND ($8::uuid IS NULL OR folder_id = $8)"
    };
}

macro_rules! bound {
    ($query:expr, $tenant:expr, $filter:expr, $atom:expr) => {
        $query
            .bind($tenant)
            .bind($filter.project)
            .bind($atom)
            .bind($filter.visible.everything)
            .bind($filter.visible.owner)
            .bind(&$filter.visible.projects)
            .bind(&$filter.visible.workflows)
            .bind($filter.folder)
    };
}

/// A workflow without its canvas.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Row {
    pub id: WorkflowId,
    pub project_id: ProjectId,
    pub folder_id: Option<FolderId>,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub tags: Vec<String>,
    pub parameters: String,
    pub notifications: String,
    pub version: i64,
    pub molecules_used: Vec<String>,
    pub atoms_used: Vec<String>,
    pub execution_count: i64,
    pub last_executed_at: Option<DateTime<Utc>>,
    pub checked_out_by: Option<UserId>,
    pub checked_out_at: Option<DateTime<Utc>>,
    pub owner_id: UserId,
    pub project_owner_id: UserId,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Row {
    /// The workflow and what contains it.
    pub fn path(&self) -> Path {
        let (id, owner_id) = (self.id, self.owner_id);
        Place { id, owner_id, project_id: self.project_id, project_owner_id: self.project_owner_id }.path()
    }
}

/// A workflow with its newest canvas.
#[derive(Debug, sqlx::FromRow)]
pub struct Full {
    #[sqlx(flatten)]
    pub row: Row,
    pub canvas: String,
}

/// A workflow that does not exist yet.
#[derive(Debug)]
pub struct NewWorkflow<'a> {
    pub id: WorkflowId,
    pub project: ProjectId,
    pub folder: Option<FolderId>,
    pub name: &'a str,
    pub slug: &'a str,
    pub description: &'a str,
    pub molecules_used: &'a [String],
    pub atoms_used: &'a [String],
    /// Who makes it.
    pub owner: UserId,
    pub project_owner: UserId,
}

/// Adds a workflow in version 1; None when its slug is taken.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, new: &NewWorkflow<'_>) -> Result<Option<Row>> {
    let row = sqlx::query_as(concat!(
        "INSERT INTO workflows (
            tenant_id, id, project_id, name, slug, description, version, molecules_used, atoms_used, created_by,
            owner_id, project_owner_id, folder_id
        )
        VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8, $9, $9, $10, $11)
        ON CONFLICT (tenant_id, project_id, slug) WHERE deleted_at IS NULL DO NOTHING
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(new.id)
    .bind(new.project)
    .bind(new.name)
    .bind(new.slug)
    .bind(new.description)
    .bind(new.molecules_used)
    .bind(new.atoms_used)
    .bind(new.owner)
    .bind(new.project_owner)
    .bind(new.folder)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// Finds the live workflow of a slug.
pub async fn find_by_slug(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    slug: &str,
) -> Result<Option<Row>> {
    let row = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM workflows
        WHERE tenant_id = $1 AND project_id = $2 AND slug = $3 AND deleted_at IS NULL
        FOR UPDATE"
    ))
    .bind(tenant)
    .bind(project)
    .bind(slug)
    .fetch_optional(tx)
    .await?;
    Ok(row)
}

/// Locks a workflow, deleted or not, until the end of the transaction.
///
/// # Errors
/// `NotFound`.
pub async fn lock(tx: &mut PgConnection, tenant: TenantId, id: WorkflowId) -> Result<Row> {
    sqlx::query_as(concat!("SELECT ", columns!(), " FROM workflows WHERE tenant_id = $1 AND id = $2 FOR UPDATE"))
        .bind(tenant)
        .bind(id)
        .fetch_optional(tx)
        .await?
        .ok_or_else(|| Error::not_found("workflow"))
}

/// Locks a live workflow.
///
/// # Errors
/// `NotFound`.
pub async fn lock_live(tx: &mut PgConnection, tenant: TenantId, id: WorkflowId) -> Result<Row> {
    let row = lock(tx, tenant, id).await?;
    if row.deleted_at.is_some() { Err(Error::not_found("workflow")) } else { Ok(row) }
}

/// Writes every changeable column of a row that was locked before.
///
/// # Errors
/// `AlreadyExists` when the slug is taken.
pub async fn update(tx: &mut PgConnection, tenant: TenantId, row: &Row) -> Result<Row> {
    sqlx::query_as(concat!(
        "UPDATE workflows
        SET name = $3, slug = $4, description = $5, tags = $6, parameters = $7::json, notifications = $8::json,
            version = $9, molecules_used = $10, atoms_used = $11, checked_out_by = $12, checked_out_at = $13,
            deleted_at = $14, folder_id = $15, updated_at = now()
        WHERE tenant_id = $1 AND id = $2
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(row.id)
    .bind(&row.name)
    .bind(&row.slug)
    .bind(&row.description)
    .bind(&row.tags)
    .bind(&row.parameters)
    .bind(&row.notifications)
    .bind(row.version)
    .bind(&row.molecules_used)
    .bind(&row.atoms_used)
    .bind(row.checked_out_by)
    .bind(row.checked_out_at)
    .bind(row.deleted_at)
    .bind(row.folder_id)
    .fetch_one(tx)
    .await
    .map_err(|cause| match Error::breaches(&cause, "workflows_live_slug_key") {
        true => error::slug_taken(&row.slug, None),
        false => cause.into(),
    })
}

/// Finds a live workflow with its newest canvas, in one round trip.
pub async fn find_full(db: &Db, ctx: &RequestContext, id: WorkflowId) -> Result<Option<Full>> {
    // Invariant: begins with trinity_db::CONTEXT_CTE.
    let statement = concat!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT f.* FROM context CROSS JOIN LATERAL (
            SELECT w.*, v.canvas::text AS canvas
            FROM (SELECT tenant_id, ",
        columns!(),
        " FROM workflows WHERE tenant_id = context.tenant::uuid AND id = $2 AND deleted_at IS NULL OFFSET 0) AS w
            JOIN workflow_versions AS v
                ON v.tenant_id = context.tenant::uuid AND v.workflow_id = w.id AND v.version = w.version
            OFFSET 0
        ) AS f"
    );
    db.read_one(ctx, statement, |query| query.bind(id)).await
}

/// Which workflows a list shows.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    pub project: ProjectId,
    /// Of those alone that lie in this folder itself.
    pub folder: Option<FolderId>,
    /// Of those alone that use this atom.
    pub atom: Option<&'a str>,
    /// Of those alone that the caller may see.
    pub visible: &'a Visible,
}

/// One page of a project's live workflows, newest first.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    filter: &Filter<'_>,
    request: PageRequest,
) -> Result<Page<Row>> {
    let count = sqlx::query_scalar(concat!("SELECT count(*) ", listed!()));
    let total: i64 = bound!(count, tenant, filter, filter.atom).fetch_one(&mut *tx).await?;
    let rows = sqlx::query_as(concat!("SELECT ", columns!(), " ", listed!(), " ORDER BY id DESC LIMIT $9 OFFSET $10"));
    let items =
        bound!(rows, tenant, filter, filter.atom).bind(request.limit()).bind(request.offset()).fetch_all(tx).await?;
    Ok(Page { items, request, total: total.unsigned_abs() })
}

/// Whether the list would show anything if it were not for the atom.
pub async fn has_any(tx: &mut PgConnection, tenant: TenantId, filter: &Filter<'_>) -> Result<bool> {
    let any = sqlx::query_scalar(concat!("SELECT EXISTS (SELECT ", listed!(), ")"));
    Ok(bound!(any, tenant, filter, None::<&str>).fetch_one(tx).await?)
}
