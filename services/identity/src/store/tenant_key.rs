//! The table `tenant_keys`: data keys, wrapped under the master key.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

/// A wrapped key.
#[derive(Debug, sqlx::FromRow)]
pub struct TenantKey {
    pub tenant_id: TenantId,
    pub generation: i32,
    pub wrapped: Vec<u8>,
}

/// The newest key of a tenant that is not destroyed; it stays until the transaction ends.
pub async fn find_current(tx: &mut PgConnection, tenant: TenantId) -> Result<Option<TenantKey>> {
    let key = sqlx::query_as(
        "SELECT tenant_id, generation, wrapped
        FROM tenant_keys
        WHERE tenant_id = $1 AND wrapped IS NOT NULL
        ORDER BY generation DESC
        LIMIT 1
        FOR SHARE",
    )
    .bind(tenant)
    .fetch_optional(tx)
    .await?;
    Ok(key)
}

/// The generation that the tenant's next key has.
pub async fn next_generation(tx: &mut PgConnection, tenant: TenantId) -> Result<i32> {
    let next = sqlx::query_scalar("SELECT coalesce(max(generation), 0) + 1 FROM tenant_keys WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(tx)
        .await?;
    Ok(next)
}

/// Adds a key, unless somebody else has added one of this generation.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, generation: i32, wrapped: &[u8]) -> Result<()> {
    sqlx::query(
        "INSERT INTO tenant_keys (tenant_id, generation, wrapped)
        VALUES ($1, $2, $3)
        ON CONFLICT ON CONSTRAINT tenant_keys_pkey DO NOTHING",
    )
    .bind(tenant)
    .bind(generation)
    .bind(wrapped)
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists the keys of a tenant that are not destroyed.
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<TenantKey>> {
    let keys = sqlx::query_as(
        "SELECT tenant_id, generation, wrapped
        FROM tenant_keys
        WHERE tenant_id = $1 AND wrapped IS NOT NULL",
    )
    .bind(tenant)
    .fetch_all(tx)
    .await?;
    Ok(keys)
}

/// Destroys every key of a tenant; says how many.
pub async fn destroy(tx: &mut PgConnection, tenant: TenantId) -> Result<u64> {
    let done = sqlx::query("UPDATE tenant_keys SET wrapped = NULL WHERE tenant_id = $1 AND wrapped IS NOT NULL")
        .bind(tenant)
        .execute(tx)
        .await?;
    Ok(done.rows_affected())
}

/// Lists some keys of all tenants behind `after`, in order, and keeps others from changing them.
pub async fn list_locked(tx: &mut PgConnection, after: (TenantId, i32), limit: i64) -> Result<Vec<TenantKey>> {
    let keys = sqlx::query_as(
        "SELECT tenant_id, generation, wrapped
        FROM tenant_keys
        WHERE (tenant_id, generation) > ($1, $2) AND wrapped IS NOT NULL
        ORDER BY tenant_id, generation
        LIMIT $3
        FOR UPDATE",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(keys)
}

/// Puts another wrapping in the place of a key's.
pub async fn rewrap(tx: &mut PgConnection, key: &TenantKey, wrapped: &[u8]) -> Result<()> {
    sqlx::query("UPDATE tenant_keys SET wrapped = $3 WHERE tenant_id = $1 AND generation = $2 AND wrapped IS NOT NULL")
        .bind(key.tenant_id)
        .bind(key.generation)
        .bind(wrapped)
        .execute(tx)
        .await?;
    Ok(())
}
