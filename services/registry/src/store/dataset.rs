//! The table `datasets`, as people see it.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{DatasetId, ProjectId, RunId, TenantId, UserId};

use crate::domain::dataset::{Column, Dataset, Format, NewDataset, Origin};
use crate::domain::project::Place;

macro_rules! columns {
    () => {
        "id, project_id, name, format, delimiter, size_bytes, rows, schema::text AS schema, content_hash, storage_key, \
         problem, origin, run_id, task_id, created_by, created_at"
    };
}

/// Datasets of a deleted project are as hidden as the project.
macro_rules! in_live_project {
    () => {
        "EXISTS (
            SELECT
            FROM projects AS p
            WHERE p.tenant_id = $1 AND p.id = datasets.project_id AND p.deleted_at IS NULL
        )"
    };
}

/// A dataset and the project that it is in.
#[derive(Debug, FromRow)]
pub(crate) struct Placed {
    #[sqlx(flatten)]
    pub dataset: Dataset,
    #[sqlx(flatten)]
    pub place: Place,
}

impl FromRow<'_, PgRow> for Dataset {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let decode = |error: serde_json::Error| sqlx::Error::Decode(Box::new(error));
        let columns: Vec<Column> = serde_json::from_str(row.try_get("schema")?).map_err(decode)?;
        let format: &str = row.try_get("format")?;
        let origin: &str = row.try_get("origin")?;
        Ok(Self {
            id: row.try_get("id")?,
            project_id: row.try_get("project_id")?,
            name: row.try_get("name")?,
            format: Format::find(format).unwrap_or(Format::Csv),
            delimiter: row.try_get::<Option<&str>, _>("delimiter")?.and_then(|text| text.bytes().next()),
            size_bytes: row.try_get("size_bytes")?,
            rows: row.try_get("rows")?,
            columns,
            content_hash: row.try_get("content_hash")?,
            storage_key: row.try_get("storage_key")?,
            problem: row.try_get("problem")?,
            origin: if origin == "run" { Origin::Run } else { Origin::Upload },
            run_id: row.try_get("run_id")?,
            task_id: row.try_get("task_id")?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Adds a dataset that somebody brought.
pub(crate) async fn insert(tx: &mut PgConnection, tenant: TenantId, user: UserId, new: &NewDataset) -> Result<Dataset> {
    let about = &new.description;
    let row = sqlx::query_as(concat!(
        "INSERT INTO datasets (
            tenant_id, id, project_id, name, format, delimiter, size_bytes, rows, schema, content_hash, storage_key,
            problem, origin, created_by
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::json, $10, $11, $12, 'upload', $13)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(new.id)
    .bind(new.project_id)
    .bind(&new.name)
    .bind(new.format.word())
    .bind(about.delimiter.map(|byte| char::from(byte).to_string()))
    .bind(i64::try_from(new.size_bytes).map_err(Error::internal)?)
    .bind(about.rows.map(i64::try_from).transpose().map_err(Error::internal)?)
    .bind(serde_json::to_string(&about.columns).map_err(Error::internal)?)
    .bind(&new.content_hash)
    .bind(&new.storage_key)
    .bind(&about.problem)
    .bind(user)
    .fetch_one(tx)
    .await?;
    Ok(row)
}

/// Finds a dataset of a live project.
pub(crate) async fn find(tx: &mut PgConnection, tenant: TenantId, id: DatasetId) -> Result<Option<Placed>> {
    let found = sqlx::query_as(concat!(
        "SELECT d.*, p.owner_id, p.app
        FROM (SELECT ",
        columns!(),
        " FROM datasets WHERE tenant_id = $1 AND id = $2) AS d
        JOIN projects AS p ON p.tenant_id = $1 AND p.id = d.project_id AND p.deleted_at IS NULL"
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(found)
}

/// Lists the datasets of a project, newest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    run: Option<RunId>,
    request: PageRequest,
) -> Result<Page<Dataset>> {
    let total: i64 = sqlx::query_scalar(
        "SELECT count(*)
        FROM datasets
        WHERE tenant_id = $1 AND project_id = $2 AND ($3::uuid IS NULL OR run_id = $3)",
    )
    .bind(tenant)
    .bind(project)
    .bind(run)
    .fetch_one(&mut *tx)
    .await?;
    let items = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        "
        FROM datasets
        WHERE tenant_id = $1 AND project_id = $2 AND ($3::uuid IS NULL OR run_id = $3)
        ORDER BY id DESC
        LIMIT $4 OFFSET $5"
    ))
    .bind(tenant)
    .bind(project)
    .bind(run)
    .bind(request.limit())
    .bind(request.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items, request, total: total.unsigned_abs() })
}

/// How many bytes a project's datasets take together.
pub(crate) async fn stored_bytes(tx: &mut PgConnection, tenant: TenantId, project: ProjectId) -> Result<u64> {
    let sum: i64 = sqlx::query_scalar(
        "SELECT coalesce(sum(size_bytes), 0)::bigint FROM datasets WHERE tenant_id = $1 AND project_id = $2",
    )
    .bind(tenant)
    .bind(project)
    .fetch_one(tx)
    .await?;
    Ok(sum.unsigned_abs())
}

/// Removes a dataset of a live project and returns what it was.
pub(crate) async fn delete(tx: &mut PgConnection, tenant: TenantId, id: DatasetId) -> Result<Option<Dataset>> {
    let deleted = sqlx::query_as(concat!(
        "DELETE FROM datasets WHERE tenant_id = $1 AND id = $2 AND ",
        in_live_project!(),
        " RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(deleted)
}

/// Whether some dataset has its bytes in this file.
pub(crate) async fn file_is_used(tx: &mut PgConnection, tenant: TenantId, storage_key: &str) -> Result<bool> {
    let used = sqlx::query_scalar("SELECT EXISTS (SELECT FROM datasets WHERE tenant_id = $1 AND storage_key = $2)")
        .bind(tenant)
        .bind(storage_key)
        .fetch_one(tx)
        .await?;
    Ok(used)
}

/// The datasets of one project with these ids; others are left out.
pub(crate) async fn resolve(
    tx: &mut PgConnection,
    tenant: TenantId,
    project: ProjectId,
    ids: &[DatasetId],
) -> Result<Vec<Dataset>> {
    let rows = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM datasets WHERE tenant_id = $1 AND project_id = $2 AND id = ANY($3)"
    ))
    .bind(tenant)
    .bind(project)
    .bind(ids)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
