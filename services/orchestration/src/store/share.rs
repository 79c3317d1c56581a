//! The table `shares`: what part of the workers each tenant may have, and the runs that count on it.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

/// A tenant's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Share {
    pub tenant_id: TenantId,
    /// How many of its tasks may run at once.
    pub concurrency: i32,
    /// Whether its tasks wait whatever is free.
    pub paused: bool,
}

/// Counts a run that starts as used, and makes sure that its tenant has a share of these terms.
pub async fn add_run(tx: &mut PgConnection, share: &Share) -> Result<()> {
    // Why not the upsert alone: it would lock a row that is right already, and the engine passes over locked shares.
    sqlx::query(
        "WITH used AS (
            INSERT INTO usage (tenant_id, runs) VALUES ($1, 1)
        )
        INSERT INTO shares (tenant_id, concurrency, paused)
        SELECT $1, $2, $3
        WHERE NOT EXISTS (SELECT FROM shares WHERE tenant_id = $1 AND concurrency = $2 AND paused = $3)
        ON CONFLICT ON CONSTRAINT shares_pkey
            DO UPDATE SET concurrency = excluded.concurrency, paused = excluded.paused",
    )
    .bind(share.tenant_id)
    .bind(share.concurrency)
    .bind(share.paused)
    .execute(tx)
    .await?;
    Ok(())
}

/// The shares of tenants that have tasks ready or running.
pub async fn list_live(tx: &mut PgConnection) -> Result<Vec<Share>> {
    let shares = sqlx::query_as(
        "WITH RECURSIVE live AS (
            (SELECT tenant_id FROM queue ORDER BY tenant_id LIMIT 1)
            UNION ALL
            SELECT (SELECT q.tenant_id FROM queue AS q WHERE q.tenant_id > l.tenant_id ORDER BY q.tenant_id LIMIT 1)
            FROM live AS l
            WHERE l.tenant_id IS NOT NULL
        )
        SELECT s.tenant_id, s.concurrency, s.paused
        FROM live AS l
        JOIN shares AS s ON s.tenant_id = l.tenant_id",
    )
    .fetch_all(tx)
    .await?;
    Ok(shares)
}

/// Writes the terms of shares that exist. Locks in id order.
pub async fn update_all(tx: &mut PgConnection, shares: &[Share]) -> Result<()> {
    sqlx::query(
        "UPDATE shares AS s
        SET concurrency = c.concurrency, paused = c.paused
        FROM (
            SELECT s.tenant_id, c.concurrency, c.paused
            FROM unnest($1::uuid[], $2::integer[], $3::boolean[]) AS c (tenant_id, concurrency, paused)
            JOIN shares AS s ON s.tenant_id = c.tenant_id
            ORDER BY s.tenant_id
            FOR UPDATE OF s
        ) AS c
        WHERE s.tenant_id = c.tenant_id",
    )
    .bind(shares.iter().map(|share| share.tenant_id).collect::<Vec<_>>())
    .bind(shares.iter().map(|share| share.concurrency).collect::<Vec<_>>())
    .bind(shares.iter().map(|share| share.paused).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}
