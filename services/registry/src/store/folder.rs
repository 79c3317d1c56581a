//! The table `folders`.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{FolderId, ProjectId, TenantId, UserId};

use crate::domain::folder::{Folder, NewFolder};
use crate::domain::project::Place;
use crate::error;

macro_rules! columns {
    () => {
        "f.id, f.project_id, f.parent_id, f.name, f.version, f.created_by, f.created_at, f.updated_at"
    };
}

impl FromRow<'_, PgRow> for Folder {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            project_id: row.try_get("project_id")?,
            parent_id: row.try_get("parent_id")?,
            name: row.try_get("name")?,
            version: row.try_get("version")?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// A folder with the project that decides who may do what with it.
#[derive(Debug, FromRow)]
pub(crate) struct Placed {
    #[sqlx(flatten)]
    pub folder: Folder,
    #[sqlx(flatten)]
    pub place: Place,
}

macro_rules! placed {
    ($end:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", p.owner_id, p.app
            FROM folders AS f
            JOIN projects AS p ON p.tenant_id = f.tenant_id AND p.id = f.project_id AND p.deleted_at IS NULL
            WHERE f.tenant_id = $1 AND f.id = $2 AND f.deleted_at IS NULL",
            $end
        )
    };
}

/// Finds a live folder of a live project.
pub(crate) async fn find(tx: &mut PgConnection, tenant: TenantId, id: FolderId) -> Result<Option<Placed>> {
    Ok(sqlx::query_as(placed!("")).bind(tenant).bind(id).fetch_optional(tx).await?)
}

/// As [`find`], and keeps others from changing it until the transaction ends.
pub(crate) async fn find_locked(tx: &mut PgConnection, tenant: TenantId, id: FolderId) -> Result<Option<Placed>> {
    Ok(sqlx::query_as(placed!(" FOR NO KEY UPDATE OF f")).bind(tenant).bind(id).fetch_optional(tx).await?)
}

/// Adds a folder.
///
/// # Errors
/// `AlreadyExists` when a live folder of the same place has the name.
pub(crate) async fn insert(tx: &mut PgConnection, tenant: TenantId, by: UserId, new: &NewFolder) -> Result<Folder> {
    sqlx::query_as(concat!(
        "INSERT INTO folders AS f (tenant_id, id, project_id, parent_id, name, created_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(FolderId::new())
    .bind(new.project)
    .bind(new.parent)
    .bind(&new.name)
    .bind(by)
    .fetch_one(tx)
    .await
    .map_err(name_taken)
}

/// Writes name and place of a folder that the transaction has locked.
///
/// # Errors
/// `AlreadyExists` when a live folder of the same place has the name.
pub(crate) async fn update(tx: &mut PgConnection, tenant: TenantId, folder: &Folder) -> Result<Folder> {
    sqlx::query_as(concat!(
        "UPDATE folders AS f
        SET name = $3, parent_id = $4, version = version + 1, updated_at = now()
        WHERE tenant_id = $1 AND id = $2
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(folder.id)
    .bind(&folder.name)
    .bind(folder.parent_id)
    .fetch_one(tx)
    .await
    .map_err(name_taken)
}

/// Hides a folder that the transaction has locked.
pub(crate) async fn delete(tx: &mut PgConnection, tenant: TenantId, id: FolderId) -> Result<()> {
    sqlx::query(
        "UPDATE folders
        SET deleted_at = now(), version = version + 1, updated_at = now()
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(())
}

/// The folder and those around it, from itself outwards.
pub(crate) async fn around(tx: &mut PgConnection, tenant: TenantId, id: FolderId) -> Result<Vec<FolderId>> {
    let ids = sqlx::query_scalar(
        "WITH RECURSIVE around AS (
            SELECT id, parent_id, 1 AS place
            FROM folders
            WHERE tenant_id = $1 AND id = $2
            UNION ALL
            SELECT f.id, f.parent_id, around.place + 1
            FROM around
            JOIN folders AS f ON f.tenant_id = $1 AND f.id = around.parent_id
        )
        SELECT id FROM around ORDER BY place",
    )
    .bind(tenant)
    .bind(id)
    .fetch_all(tx)
    .await?;
    Ok(ids)
}

/// How many folders stand in each other from this one on, itself counted.
pub(crate) async fn height(tx: &mut PgConnection, tenant: TenantId, id: FolderId) -> Result<usize> {
    let height: i32 = sqlx::query_scalar(
        "WITH RECURSIVE below AS (
            SELECT $2::uuid AS id, 1 AS height
            UNION ALL
            SELECT f.id, below.height + 1
            FROM below
            JOIN folders AS f ON f.tenant_id = $1 AND f.parent_id = below.id AND f.deleted_at IS NULL
        )
        SELECT max(height) FROM below",
    )
    .bind(tenant)
    .bind(id)
    .fetch_one(tx)
    .await?;
    Ok(usize::try_from(height).unwrap_or_default())
}

/// How many live folders stand in this one itself.
pub(crate) async fn count_children(tx: &mut PgConnection, tenant: TenantId, id: FolderId) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM folders WHERE tenant_id = $1 AND parent_id = $2 AND deleted_at IS NULL",
    )
    .bind(tenant)
    .bind(id)
    .fetch_one(tx)
    .await?;
    Ok(count.unsigned_abs())
}

/// Which folders a list shows.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Those in this one.
    In(FolderId),
    /// Those at the top of this project.
    Top(ProjectId),
    /// Of this project those among these that stand in none of these.
    Among(ProjectId, Vec<FolderId>),
}

/// Folders that pass a filter: `$2` the folder or project that they stand in, or `$3` the project and `$4` who they are among.
macro_rules! listed {
    () => {
        "FROM folders AS f
        WHERE f.tenant_id = $1 AND f.deleted_at IS NULL
            AND (
                coalesce(f.parent_id, f.project_id) = $2
                OR (f.project_id = $3 AND f.id = ANY($4) AND (f.parent_id = ANY($4)) IS NOT TRUE)
            )"
    };
}

macro_rules! bound {
    ($query:expr, $tenant:expr, $filter:expr) => {{
        let (place, project, among) = match $filter {
            Filter::In(folder) => (Some(folder.uuid()), None, None),
            Filter::Top(project) => (Some(project.uuid()), None, None),
            Filter::Among(project, folders) => (None, Some(*project), Some(folders)),
        };
        $query.bind($tenant).bind(place).bind(project).bind(among)
    }};
}

/// Lists folders by name.
pub(crate) async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    filter: &Filter,
    request: PageRequest,
) -> Result<Page<Folder>> {
    let count = sqlx::query_scalar(concat!("SELECT count(*) ", listed!()));
    let total: i64 = bound!(count, tenant, filter).fetch_one(&mut *tx).await?;
    let rows = concat!("SELECT ", columns!(), " ", listed!(), " ORDER BY lower(f.name), f.id LIMIT $5 OFFSET $6");
    let rows = bound!(sqlx::query_as(rows), tenant, filter).bind(request.limit()).bind(request.offset());
    Ok(Page { items: rows.fetch_all(tx).await?, request, total: total.unsigned_abs() })
}

/// Each of some live folders with all that are in it, itself among them.
pub(crate) async fn expand(
    tx: &mut PgConnection,
    tenant: TenantId,
    ids: &[FolderId],
) -> Result<Vec<(FolderId, Vec<FolderId>)>> {
    let rows = sqlx::query_as(
        "WITH RECURSIVE below AS (
            SELECT id AS root, id
            FROM folders
            WHERE tenant_id = $1 AND id = ANY($2) AND deleted_at IS NULL
            UNION ALL
            SELECT below.root, f.id
            FROM below
            JOIN folders AS f ON f.tenant_id = $1 AND f.parent_id = below.id AND f.deleted_at IS NULL
        )
        SELECT root, array_agg(id) FROM below GROUP BY root",
    )
    .bind(tenant)
    .bind(ids)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

fn name_taken(error: sqlx::Error) -> Error {
    if Error::breaches(&error, "folders_live_name_key") { error::folder_name_taken() } else { error.into() }
}
