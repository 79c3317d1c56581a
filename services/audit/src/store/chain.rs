//! The table `chains`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::chain::{GENESIS, Hash};

/// Where a chain ends.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub sequence: i64,
    pub head: Hash,
    pub signature: Vec<u8>,
    pub checkpoint_sequence: i64,
    pub checkpoint_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    head_hash: Vec<u8>,
    signature: Vec<u8>,
    checkpoint_sequence: i64,
    checkpoint_at: DateTime<Utc>,
}

impl TryFrom<Row> for End {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            sequence: row.sequence,
            // Why: a head of another length is tampering; it must not pass, nor stop the verification that finds it.
            head: row.head_hash.try_into().unwrap_or([0xff; 32]),
            signature: row.signature,
            checkpoint_sequence: row.checkpoint_sequence,
            checkpoint_at: row.checkpoint_at,
        })
    }
}

/// The end of a chain, which nobody else moves until the transaction ends; a chain without records ends at its beginning.
pub(crate) async fn lock(tx: &mut PgConnection, tenant: TenantId) -> Result<End> {
    let find = "SELECT sequence, head_hash, signature, checkpoint_sequence, checkpoint_at
        FROM chains
        WHERE tenant_id = $1
        FOR UPDATE";
    if let Some(row) = sqlx::query_as::<_, Row>(find).bind(tenant).fetch_optional(&mut *tx).await? {
        return row.try_into();
    }
    sqlx::query(
        "INSERT INTO chains (tenant_id, sequence, head_hash, signature)
        VALUES ($1, 0, $2, '')
        ON CONFLICT (tenant_id) DO NOTHING",
    )
    .bind(tenant)
    .bind(GENESIS.as_slice())
    .execute(&mut *tx)
    .await?;
    sqlx::query_as::<_, Row>(find).bind(tenant).fetch_one(tx).await?.try_into()
}

/// The end of a chain, if it has begun.
pub(crate) async fn find(tx: &mut PgConnection, tenant: TenantId) -> Result<Option<End>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT sequence, head_hash, signature, checkpoint_sequence, checkpoint_at FROM chains WHERE tenant_id = $1",
    )
    .bind(tenant)
    .fetch_optional(tx)
    .await?;
    row.map(End::try_from).transpose()
}

/// Moves the end of a chain that the transaction has locked.
pub(crate) async fn advance(
    tx: &mut PgConnection,
    tenant: TenantId,
    sequence: i64,
    head: &Hash,
    signature: &[u8],
) -> Result<()> {
    sqlx::query("UPDATE chains SET sequence = $2, head_hash = $3, signature = $4 WHERE tenant_id = $1")
        .bind(tenant)
        .bind(sequence)
        .bind(head.as_slice())
        .bind(signature)
        .execute(tx)
        .await?;
    Ok(())
}

/// Tenants whose chain has moved since a checkpoint that is older than `seconds`.
pub(crate) async fn list_unchecked(tx: &mut PgConnection, seconds: u32, limit: i64) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar(
        "SELECT tenant_id
        FROM chains
        WHERE sequence > checkpoint_sequence AND checkpoint_at <= now() - make_interval(secs => $1)
        ORDER BY tenant_id
        LIMIT $2",
    )
    .bind(f64::from(seconds))
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(tenants)
}
