//! The table `checkpoints`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

use crate::domain::chain::Hash;

/// A signed place of a chain.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Checkpoint {
    pub sequence: i64,
    pub hash: Vec<u8>,
    pub signature: Vec<u8>,
}

/// A place to sign.
#[derive(Debug, Clone)]
pub(crate) struct NewCheckpoint<'a> {
    pub sequence: i64,
    pub hash: &'a Hash,
    pub key_id: &'a str,
    pub signature: &'a [u8],
    pub created_at: DateTime<Utc>,
}

/// Adds a checkpoint and notes it at the chain, which the transaction has locked. One that is there stays: a chain that was
/// cut back must still be able to grow, and the old checkpoint must go on telling of it.
pub(crate) async fn insert(tx: &mut PgConnection, tenant: TenantId, new: &NewCheckpoint<'_>) -> Result<()> {
    sqlx::query(
        "WITH added AS (
            INSERT INTO checkpoints (tenant_id, sequence, hash, key_id, signature, created_at)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT ON CONSTRAINT checkpoints_pkey DO NOTHING
        )
        UPDATE chains SET checkpoint_sequence = $2, checkpoint_at = $6 WHERE tenant_id = $1",
    )
    .bind(tenant)
    .bind(new.sequence)
    .bind(new.hash.as_slice())
    .bind(new.key_id)
    .bind(new.signature)
    .bind(new.created_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// The checkpoints after one sequence, up to another.
pub(crate) async fn list(tx: &mut PgConnection, tenant: TenantId, after: i64, up_to: i64) -> Result<Vec<Checkpoint>> {
    let rows = sqlx::query_as(
        "SELECT sequence, hash, signature
        FROM checkpoints
        WHERE tenant_id = $1 AND sequence > $2 AND sequence <= $3
        ORDER BY sequence",
    )
    .bind(tenant)
    .bind(after)
    .bind(up_to)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}
