//! The table `projects`.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use trinity_access::Visible;
use trinity_db::{Db, GatheredReads, Page, PageRequest, Tx};
use trinity_error::{Error, Result};
use trinity_ids::{ProjectId, TenantId, UserId};

use crate::domain::document::Document;
use crate::domain::project::{NewProject, Project, ProjectChange};
use crate::error;

/// Every column of a project but its canvas state.
macro_rules! columns {
    () => {
        "id, name, description, owner_id, app, settings::text AS settings, version, created_at, updated_at, deleted_at, \
         deleted_reason"
    };
}

impl FromRow<'_, PgRow> for Project {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            description: row.try_get("description")?,
            owner_id: row.try_get("owner_id")?,
            app: row.try_get("app")?,
            state: row.try_get::<Option<String>, _>("state")?.map(Document::stored),
            settings: Document::stored(row.try_get("settings")?),
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            deleted_at: row.try_get("deleted_at")?,
            deleted_reason: row.try_get("deleted_reason")?,
        })
    }
}

/// Adds a project.
///
/// # Errors
/// `AlreadyExists` when a live project has the name; `NotFound` when there is no such app.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    tenant: TenantId,
    owner: UserId,
    new: &NewProject,
) -> Result<Project> {
    let inserted = sqlx::query_as(concat!(
        "INSERT INTO projects (tenant_id, id, name, description, owner_id, app, state, settings)
        SELECT $1, $2, $3, $4, $5, apps.slug, $7::json, $8::json
        FROM apps
        WHERE apps.slug = $6 AND apps.active
        RETURNING state::text AS state, ",
        columns!()
    ))
    .bind(tenant)
    .bind(ProjectId::new())
    .bind(&new.name)
    .bind(&new.description)
    .bind(owner)
    .bind(&new.app)
    .bind(new.state.text())
    .bind(new.settings.text())
    .fetch_optional(tx)
    .await;
    inserted.map_err(name_taken)?.ok_or_else(|| Error::not_found("app"))
}

/// Live projects by their ids, in round trips that callers of one tenant share.
pub(crate) type ProjectReads = GatheredReads<ProjectId, Project>;

/// Prepares [`ProjectReads`].
pub(crate) fn reads(db: Db) -> ProjectReads {
    // Why spelled out: the statement must begin with `trinity_db::CONTEXT_CTE`, which says why the order holds.
    let statement = concat!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT p.*
        FROM context
        CROSS JOIN LATERAL (
            SELECT state::text AS state, ",
        columns!(),
        "
            FROM projects
            WHERE tenant_id = context.tenant::uuid AND id = ANY($2) AND deleted_at IS NULL
            OFFSET 0
        ) AS p"
    );
    GatheredReads::new(db, statement, |project: &Project| project.id)
}

/// Finds a project, live or deleted, and keeps others from changing it until the transaction ends.
pub(crate) async fn find_locked(tx: &mut PgConnection, tenant: TenantId, id: ProjectId) -> Result<Option<Project>> {
    let found = sqlx::query_as(concat!(
        "SELECT state::text AS state, ",
        columns!(),
        " FROM projects WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(found)
}

/// Which projects are asked for.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    pub app: Option<String>,
    /// The slugs that the tenant may use; every one when empty.
    pub allowed_apps: &'a [String],
    pub deleted: bool,
    pub visible: Visible,
}

/// Projects that pass a filter: `$2` app, `$3` allowed apps, `$4` deleted, `$5` to `$7` what is visible.
macro_rules! matching_projects {
    () => {
        "FROM projects
        WHERE tenant_id = $1
            AND ($2::text IS NULL OR app = $2)
            AND (cardinality($3::text[]) = 0 OR app = ANY($3))
            AND (deleted_at IS NOT NULL) = $4
            AND ($5 OR owner_id = $6 OR id = ANY($7))"
    };
}

/// Lists projects, newest first, without their canvas states.
pub(crate) async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    filter: &Filter<'_>,
    request: PageRequest,
) -> Result<Page<Project>> {
    let total: i64 = sqlx::query_scalar(concat!("SELECT count(*) ", matching_projects!()))
        .bind(tenant)
        .bind(&filter.app)
        .bind(filter.allowed_apps)
        .bind(filter.deleted)
        .bind(filter.visible.everything)
        .bind(filter.visible.owner)
        .bind(&filter.visible.projects)
        .fetch_one(&mut *tx)
        .await?;
    let items = sqlx::query_as(concat!(
        "SELECT NULL AS state, ",
        columns!(),
        " ",
        matching_projects!(),
        "
        ORDER BY id DESC
        LIMIT $8 OFFSET $9"
    ))
    .bind(tenant)
    .bind(&filter.app)
    .bind(filter.allowed_apps)
    .bind(filter.deleted)
    .bind(filter.visible.everything)
    .bind(filter.visible.owner)
    .bind(&filter.visible.projects)
    .bind(request.limit())
    .bind(request.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items, request, total: total.unsigned_abs() })
}

/// Changes a project that the transaction has locked.
///
/// # Errors
/// `AlreadyExists` when a live project has the new name.
pub(crate) async fn update(tx: &mut PgConnection, tenant: TenantId, change: &ProjectChange) -> Result<Project> {
    sqlx::query_as(concat!(
        "UPDATE projects
        SET name = coalesce($3, name),
            description = coalesce($4, description),
            settings = coalesce($5::json, settings),
            state = coalesce($6::json, state),
            version = version + 1,
            updated_at = now()
        WHERE tenant_id = $1 AND id = $2
        RETURNING state::text AS state, ",
        columns!()
    ))
    .bind(tenant)
    .bind(change.id)
    .bind(&change.name)
    .bind(&change.description)
    .bind(change.settings.as_ref().map(Document::text))
    .bind(change.state.as_ref().map(Document::text))
    .fetch_one(tx)
    .await
    .map_err(name_taken)
}

/// Hides a project that the transaction has locked.
pub(crate) async fn delete(tx: &mut PgConnection, tenant: TenantId, id: ProjectId, reason: &str) -> Result<()> {
    sqlx::query(
        "UPDATE projects
        SET deleted_at = now(), deleted_reason = $3, version = version + 1, updated_at = now()
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(reason)
    .execute(tx)
    .await?;
    Ok(())
}

/// Brings back a project that the transaction has locked.
///
/// # Errors
/// `AlreadyExists` when a live project has taken the name.
pub(crate) async fn restore(tx: &mut PgConnection, tenant: TenantId, id: ProjectId) -> Result<Project> {
    sqlx::query_as(concat!(
        "UPDATE projects
        SET deleted_at = NULL, deleted_reason = NULL, version = version + 1, updated_at = now()
        WHERE tenant_id = $1 AND id = $2
        RETURNING state::text AS state, ",
        columns!()
    ))
    .bind(tenant)
    .bind(id)
    .fetch_one(tx)
    .await
    .map_err(name_taken)
}

/// Takes over a canvas unless a later one is there. The project's version stays: nobody edited it here.
pub(crate) async fn apply_state(
    tx: &mut Tx,
    tenant: TenantId,
    id: ProjectId,
    state: &Document,
    revision: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE projects
        SET state = $3::json, state_revision = $4, updated_at = now()
        WHERE tenant_id = $1 AND id = $2 AND state_revision < $4",
    )
    .bind(tenant)
    .bind(id)
    .bind(state.text())
    .bind(revision)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn name_taken(error: sqlx::Error) -> Error {
    if Error::breaches(&error, "projects_live_name_key") { error::project_name_taken() } else { error.into() }
}
