//! The table `variables`: sealed values, each at its place.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{TenantId, UserId};

use crate::domain::Variable;

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Variable {
    fn from(row: Row) -> Self {
        Self { name: row.name, updated_at: row.updated_at }
    }
}

/// A value as it is stored.
#[derive(Debug, sqlx::FromRow)]
pub struct Sealed {
    pub name: String,
    pub key_generation: i32,
    pub sealed: Vec<u8>,
}

/// Lists a user's variables by name.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<Vec<Variable>> {
    let rows: Vec<Row> =
        sqlx::query_as("SELECT name, updated_at FROM variables WHERE tenant_id = $1 AND user_id = $2 ORDER BY name")
            .bind(tenant)
            .bind(user)
            .fetch_all(tx)
            .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// How many variables a user has.
pub async fn count(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM variables WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(user)
        .fetch_one(tx)
        .await?;
    Ok(count)
}

/// Sets a variable.
pub async fn put(tx: &mut PgConnection, tenant: TenantId, user: UserId, value: &Sealed) -> Result<Variable> {
    let row: Row = sqlx::query_as(
        "INSERT INTO variables (tenant_id, user_id, name, key_generation, sealed)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT variables_pkey DO UPDATE
        SET key_generation = excluded.key_generation,
            sealed = excluded.sealed,
            updated_at = now()
        RETURNING name, updated_at",
    )
    .bind(tenant)
    .bind(user)
    .bind(&value.name)
    .bind(value.key_generation)
    .bind(&value.sealed)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Deletes a variable; false when the user has none of this name.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, user: UserId, name: &str) -> Result<bool> {
    let done = sqlx::query("DELETE FROM variables WHERE tenant_id = $1 AND user_id = $2 AND name = $3")
        .bind(tenant)
        .bind(user)
        .bind(name)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Lists the sealed values of an active user; those of `names`, or all of them when it is empty.
pub async fn list_sealed(
    tx: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    names: &[String],
) -> Result<Vec<Sealed>> {
    let sealed = sqlx::query_as(
        "SELECT v.name, v.key_generation, v.sealed
        FROM variables AS v
        JOIN users AS u ON u.tenant_id = v.tenant_id AND u.id = v.user_id
        WHERE v.tenant_id = $1 AND v.user_id = $2 AND u.active AND (cardinality($3::text[]) = 0 OR v.name = ANY($3))",
    )
    .bind(tenant)
    .bind(user)
    .bind(names)
    .fetch_all(tx)
    .await?;
    Ok(sealed)
}

/// Deletes every variable of a tenant.
pub async fn delete_all(tx: &mut PgConnection, tenant: TenantId) -> Result<()> {
    sqlx::query("DELETE FROM variables WHERE tenant_id = $1").bind(tenant).execute(tx).await?;
    Ok(())
}
