//! Heads and checkpoints of chains.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

/// A signed link.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Signed {
    pub sequence: i64,
    pub hash: Vec<u8>,
    pub key_id: String,
    pub signature: Vec<u8>,
}

/// Locks a tenant's chain until the transaction ends, also when it has no link yet; gives its head.
pub async fn lock(tx: &mut PgConnection, tenant: TenantId) -> Result<Option<Signed>> {
    // Why: a chain without a row cannot be locked by its row.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('chain ' || $1, 0))")
        .bind(tenant.to_string())
        .execute(&mut *tx)
        .await?;
    head(tx, tenant).await
}

/// A tenant's head.
pub async fn head(tx: &mut PgConnection, tenant: TenantId) -> Result<Option<Signed>> {
    let head = sqlx::query_as("SELECT sequence, head_hash AS hash, key_id, signature FROM chains WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional(tx)
        .await?;
    Ok(head)
}

/// Moves a tenant's head.
pub async fn set_head(tx: &mut PgConnection, tenant: TenantId, head: &Signed) -> Result<()> {
    sqlx::query(
        "INSERT INTO chains (tenant_id, sequence, head_hash, key_id, signature)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT ON CONSTRAINT chains_pkey DO UPDATE SET
            sequence = excluded.sequence,
            head_hash = excluded.head_hash,
            key_id = excluded.key_id,
            signature = excluded.signature",
    )
    .bind(tenant)
    .bind(head.sequence)
    .bind(&head.hash)
    .bind(&head.key_id)
    .bind(&head.signature)
    .execute(tx)
    .await?;
    Ok(())
}

/// Keeps a signed link.
pub async fn insert_checkpoint(tx: &mut PgConnection, tenant: TenantId, link: &Signed) -> Result<()> {
    sqlx::query("INSERT INTO checkpoints (tenant_id, sequence, hash, key_id, signature) VALUES ($1, $2, $3, $4, $5)")
        .bind(tenant)
        .bind(link.sequence)
        .bind(&link.hash)
        .bind(&link.key_id)
        .bind(&link.signature)
        .execute(tx)
        .await?;
    Ok(())
}

/// A tenant's checkpoints, in order.
pub async fn list_checkpoints(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<Signed>> {
    let checkpoints =
        sqlx::query_as("SELECT sequence, hash, key_id, signature FROM checkpoints WHERE tenant_id = $1 ORDER BY sequence")
            .bind(tenant)
            .fetch_all(tx)
            .await?;
    Ok(checkpoints)
}
