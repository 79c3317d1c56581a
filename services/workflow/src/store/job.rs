//! The tables `jobs` and `job_steps`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{ObjectKind, Path, Visible};
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{FolderId, JobId, ProjectId, TenantId, UserId, WorkflowId};

use crate::domain::job::{NewJob, Step};
use crate::domain::spot::Spot;
use crate::error;

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "id, project_id, folder_id, name, description, package, notifications::text AS notifications, version, owner_id,
        project_owner_id, created_by, created_at, updated_at, deleted_at"
    };
}

/// The rows of a list, by the arguments that [`bound`] binds.
macro_rules! listed {
    () => {
        "FROM jobs
        WHERE tenant_id = $1 AND project_id = $2 AND deleted_at IS NULL
            AND ($3::text IS NULL OR package = $3)
            AND (
                $4
                OR owner_id = $5
                OR project_owner_id = $5
                OR project_id = ANY ($6)
                OR id = ANY ($7)
            )
            AND ($8::uuid IS NULL OR folder_id = $8)"
    };
}

macro_rules! bound {
    ($query:expr, $tenant:expr, $filter:expr, $package:expr) => {
        $query
            .bind($tenant)
            .bind($filter.project)
            .bind($package)
            .bind($filter.visible.everything)
            .bind($filter.visible.owner)
            .bind(&$filter.visible.projects)
            .bind(&$filter.visible.jobs)
            .bind($filter.folder)
    };
}

/// A job without its steps.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Row {
    pub id: JobId,
    pub project_id: ProjectId,
    pub folder_id: Option<FolderId>,
    pub name: String,
    pub description: String,
    pub package: String,
    pub notifications: String,
    pub version: i64,
    pub owner_id: UserId,
    pub project_owner_id: UserId,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub deleted_at: Option<DateTime<Utc>>,
}

impl Row {
    /// The job and what contains it.
    pub fn path(&self) -> Path {
        let project = Path::project(self.project_id, self.project_owner_id);
        project.containing(ObjectKind::Job, self.id, Some(self.owner_id))
    }
}

/// Adds a job in version 1, without its steps.
///
/// # Errors
/// `AlreadyExists` when its name is taken.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, new: &NewJob, spot: Spot, owner: UserId) -> Result<Row> {
    sqlx::query_as(concat!(
        "INSERT INTO jobs (
            tenant_id, id, project_id, name, description, package, notifications, version, owner_id, project_owner_id,
            created_by, folder_id
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7::json, 1, $8, $9, $8, $10)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(JobId::new())
    .bind(spot.project)
    .bind(&new.name)
    .bind(&new.description)
    .bind(&new.package)
    .bind(&new.notifications)
    .bind(owner)
    .bind(spot.project_owner)
    .bind(spot.folder)
    .fetch_one(tx)
    .await
    .map_err(|cause| name_taken(cause, &new.name))
}

/// Finds a live job.
///
/// # Errors
/// `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, id: JobId) -> Result<Row> {
    let statement =
        concat!("SELECT ", columns!(), " FROM jobs WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL");
    let row = sqlx::query_as(statement).bind(tenant).bind(id).fetch_optional(tx).await?;
    row.ok_or_else(|| Error::not_found("job"))
}

/// Locks a job, deleted or not, until the end of the transaction.
///
/// # Errors
/// `NotFound`.
pub async fn lock(tx: &mut PgConnection, tenant: TenantId, id: JobId) -> Result<Row> {
    let statement = concat!("SELECT ", columns!(), " FROM jobs WHERE tenant_id = $1 AND id = $2 FOR UPDATE");
    let row = sqlx::query_as(statement).bind(tenant).bind(id).fetch_optional(tx).await?;
    row.ok_or_else(|| Error::not_found("job"))
}

/// Locks a live job.
///
/// # Errors
/// `NotFound`.
pub async fn lock_live(tx: &mut PgConnection, tenant: TenantId, id: JobId) -> Result<Row> {
    let row = lock(tx, tenant, id).await?;
    if row.deleted_at.is_some() { Err(Error::not_found("job")) } else { Ok(row) }
}

/// Writes every changeable column of a row that was locked before.
///
/// # Errors
/// `AlreadyExists` when the name is taken.
pub async fn update(tx: &mut PgConnection, tenant: TenantId, row: &Row) -> Result<Row> {
    sqlx::query_as(concat!(
        "UPDATE jobs
        SET name = $3, description = $4, package = $5, notifications = $6::json, version = $7, deleted_at = $8,
            folder_id = $9, updated_at = now()
        WHERE tenant_id = $1 AND id = $2
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(row.id)
    .bind(&row.name)
    .bind(&row.description)
    .bind(&row.package)
    .bind(&row.notifications)
    .bind(row.version)
    .bind(row.deleted_at)
    .bind(row.folder_id)
    .fetch_one(tx)
    .await
    .map_err(|cause| name_taken(cause, &row.name))
}

fn name_taken(cause: sqlx::Error, name: &str) -> Error {
    if Error::breaches(&cause, "jobs_live_name_key") { error::job_name_taken(name) } else { cause.into() }
}

/// Which jobs a list shows.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    pub project: ProjectId,
    /// Of those alone that lie in this folder itself.
    pub folder: Option<FolderId>,
    /// Of those alone that are in this package.
    pub package: Option<&'a str>,
    /// Of those alone that the caller may see.
    pub visible: &'a Visible,
}

/// One page of a project's live jobs, newest first.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    filter: &Filter<'_>,
    request: PageRequest,
) -> Result<Page<Row>> {
    let count = sqlx::query_scalar(concat!("SELECT count(*) ", listed!()));
    let total: i64 = bound!(count, tenant, filter, filter.package).fetch_one(&mut *tx).await?;
    let rows = sqlx::query_as(concat!("SELECT ", columns!(), " ", listed!(), " ORDER BY id DESC LIMIT $9 OFFSET $10"));
    let items =
        bound!(rows, tenant, filter, filter.package).bind(request.limit()).bind(request.offset()).fetch_all(tx).await?;
    Ok(Page { items, request, total: total.unsigned_abs() })
}

/// Whether the list would show anything if it were not for the package.
pub async fn has_any(tx: &mut PgConnection, tenant: TenantId, filter: &Filter<'_>) -> Result<bool> {
    let any = sqlx::query_scalar(concat!("SELECT EXISTS (SELECT ", listed!(), ")"));
    Ok(bound!(any, tenant, filter, None::<&str>).fetch_one(tx).await?)
}

/// Puts steps in the place of those that a job has.
pub async fn replace_steps(tx: &mut PgConnection, tenant: TenantId, job: JobId, steps: &[Step]) -> Result<()> {
    sqlx::query("DELETE FROM job_steps WHERE tenant_id = $1 AND job_id = $2")
        .bind(tenant)
        .bind(job)
        .execute(&mut *tx)
        .await?;
    let workflows: Vec<WorkflowId> = steps.iter().map(|step| step.workflow).collect();
    // Why as text: Postgres has no arrays of arrays of different lengths.
    let depends_on = steps.iter().map(|step| {
        let ids: Vec<String> = step.depends_on.iter().map(WorkflowId::to_string).collect();
        format!("{{{}}}", ids.join(","))
    });
    sqlx::query(
        "INSERT INTO job_steps (tenant_id, job_id, workflow_id, position, depends_on)
        SELECT $1, $2, step.workflow_id, step.position, step.depends_on::uuid[]
        FROM UNNEST($3::uuid[], $4::text[]) WITH ORDINALITY AS step (workflow_id, depends_on, position)",
    )
    .bind(tenant)
    .bind(job)
    .bind(workflows)
    .bind(depends_on.collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct StepRow {
    job_id: JobId,
    workflow_id: WorkflowId,
    depends_on: Vec<WorkflowId>,
}

/// The steps of some jobs, in their order.
pub async fn steps(tx: &mut PgConnection, tenant: TenantId, jobs: &[JobId]) -> Result<Vec<(JobId, Step)>> {
    let rows: Vec<StepRow> = sqlx::query_as(
        "SELECT job_id, workflow_id, depends_on
        FROM job_steps
        WHERE tenant_id = $1 AND job_id = ANY ($2)
        ORDER BY job_id, position",
    )
    .bind(tenant)
    .bind(jobs)
    .fetch_all(tx)
    .await?;
    let step = |row: StepRow| (row.job_id, Step { workflow: row.workflow_id, depends_on: row.depends_on });
    Ok(rows.into_iter().map(step).collect())
}

/// The steps of one job.
pub async fn steps_of(tx: &mut PgConnection, tenant: TenantId, job: JobId) -> Result<Vec<Step>> {
    Ok(steps(tx, tenant, &[job]).await?.into_iter().map(|(_, step)| step).collect())
}
