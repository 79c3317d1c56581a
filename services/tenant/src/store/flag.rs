//! The tables `flags`, which is the installation's, and `tenant_flags`.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

use crate::domain::{Flag, FlagDefault};

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    enabled: bool,
    own: bool,
    description: String,
}

#[derive(sqlx::FromRow)]
struct DefaultRow {
    name: String,
    enabled: bool,
    description: String,
}

/// Lists all flags as a tenant has them.
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<Flag>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT f.name, coalesce(o.enabled, f.enabled) AS enabled, o.enabled IS NOT NULL AS own, f.description
        FROM flags AS f
        LEFT JOIN tenant_flags AS o ON o.tenant_id = $1 AND o.name = f.name
        ORDER BY f.name",
    )
    .bind(tenant)
    .fetch_all(tx)
    .await?;
    let flag = |row: Row| Flag { name: row.name, enabled: row.enabled, own: row.own, description: row.description };
    Ok(rows.into_iter().map(flag).collect())
}

/// Finds a flag's default and keeps others from changing it.
pub async fn find_default_locked(tx: &mut PgConnection, name: &str) -> Result<Option<FlagDefault>> {
    let query = sqlx::query_as("SELECT name, enabled, description FROM flags WHERE name = $1 FOR UPDATE");
    let row: Option<DefaultRow> = query.bind(name).fetch_optional(tx).await?;
    Ok(row.map(|row| FlagDefault { name: row.name, enabled: row.enabled, description: row.description }))
}

/// Makes a flag or changes its default.
pub async fn upsert_default(tx: &mut PgConnection, flag: &FlagDefault) -> Result<()> {
    sqlx::query(
        "INSERT INTO flags (name, enabled, description)
        VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT flags_pkey
        DO UPDATE SET enabled = EXCLUDED.enabled, description = EXCLUDED.description",
    )
    .bind(&flag.name)
    .bind(flag.enabled)
    .bind(&flag.description)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether there is such a flag.
pub async fn exists(tx: &mut PgConnection, name: &str) -> Result<bool> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM flags WHERE name = $1)");
    Ok(query.bind(name).fetch_one(tx).await?)
}

/// The value that a tenant has of its own.
pub async fn find_own(tx: &mut PgConnection, tenant: TenantId, name: &str) -> Result<Option<bool>> {
    let query = sqlx::query_scalar("SELECT enabled FROM tenant_flags WHERE tenant_id = $1 AND name = $2");
    Ok(query.bind(tenant).bind(name).fetch_optional(tx).await?)
}

/// Gives a tenant a value of its own.
pub async fn upsert_own(tx: &mut PgConnection, tenant: TenantId, name: &str, enabled: bool) -> Result<()> {
    sqlx::query(
        "INSERT INTO tenant_flags (tenant_id, name, enabled)
        VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT tenant_flags_pkey DO UPDATE SET enabled = EXCLUDED.enabled",
    )
    .bind(tenant)
    .bind(name)
    .bind(enabled)
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets the default hold again.
pub async fn delete_own(tx: &mut PgConnection, tenant: TenantId, name: &str) -> Result<()> {
    let query = sqlx::query("DELETE FROM tenant_flags WHERE tenant_id = $1 AND name = $2");
    query.bind(tenant).bind(name).execute(tx).await?;
    Ok(())
}
