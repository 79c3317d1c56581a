//! The table `projects`, as far as it decides who may do what.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{ProjectId, TenantId};

use crate::domain::document::Document;
use crate::domain::project::Place;

impl FromRow<'_, PgRow> for Place {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self { project: row.try_get("project_id")?, owner: row.try_get("owner_id")?, app: row.try_get("app")? })
    }
}

/// Finds a live project.
pub(crate) async fn find(tx: &mut PgConnection, tenant: TenantId, id: ProjectId) -> Result<Option<Place>> {
    let found = sqlx::query_as(
        "SELECT id AS project_id, owner_id, app
        FROM projects
        WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(found)
}

/// Finds a live project in one round trip.
pub(crate) async fn find_hot(db: &Db, ctx: &RequestContext, id: ProjectId) -> Result<Option<Place>> {
    let statement = "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT p.*
        FROM context
        CROSS JOIN LATERAL (
            SELECT id AS project_id, owner_id, app
            FROM projects
            WHERE tenant_id = context.tenant::uuid AND id = $2 AND deleted_at IS NULL
            OFFSET 0
        ) AS p";
    db.read_one(ctx, statement, |query| query.bind(id)).await
}

/// A live project with its settings, which nobody can change or delete until the transaction ends.
pub(crate) async fn find_locked(
    tx: &mut PgConnection,
    tenant: TenantId,
    id: ProjectId,
) -> Result<Option<(Place, Document)>> {
    let found: Option<PgRow> = sqlx::query(
        "SELECT id AS project_id, owner_id, app, settings::text AS settings
        FROM projects
        WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
        FOR NO KEY UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    let Some(row) = found else { return Ok(None) };
    Ok(Some((Place::from_row(&row)?, Document::stored(row.try_get("settings")?))))
}
