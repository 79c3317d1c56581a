//! How much a tenant uses: the table `tenant_usage`, and how many projects are live.

use sqlx::{FromRow, PgConnection};
use trinity_error::Result;
use trinity_ids::TenantId;

/// Keeps the counting of projects apart from other advisory locks on tenants.
const PROJECTS_LOCK: i64 = 0x7472_696e_6974_7904;

/// What a tenant stores, for the tenant service to know.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(crate) struct Stored {
    pub tenant_id: TenantId,
    pub stored_bytes: i64,
    /// As 2026-11-21, in UTC.
    pub day: String,
}

/// How many projects of the tenant are live; nobody else can count them until the transaction ends.
pub(crate) async fn count_projects_locked(tx: &mut PgConnection, tenant: TenantId) -> Result<u64> {
    // Why two statements: the second must see what those who had the lock before have committed.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1::text, $2))")
        .bind(tenant)
        .bind(PROJECTS_LOCK)
        .execute(&mut *tx)
        .await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM projects WHERE tenant_id = $1 AND deleted_at IS NULL")
        .bind(tenant)
        .fetch_one(tx)
        .await?;
    Ok(count.unsigned_abs())
}

/// How many bytes the tenant's datasets take together. After a change of datasets in the same transaction nobody else can
/// change it until the transaction ends.
pub(crate) async fn stored_bytes(tx: &mut PgConnection, tenant: TenantId) -> Result<u64> {
    let bytes: Option<i64> = sqlx::query_scalar("SELECT stored_bytes FROM tenant_usage WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_optional(tx)
        .await?;
    Ok(bytes.unwrap_or_default().unsigned_abs())
}

/// Lists tenants whose stored bytes of today the tenant service does not know yet.
pub(crate) async fn list_unreported(tx: &mut PgConnection, limit: i64) -> Result<Vec<Stored>> {
    let rows = sqlx::query_as(
        "SELECT tenant_id, stored_bytes, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day
        FROM tenant_usage
        WHERE (stored_bytes, (now() AT TIME ZONE 'UTC')::date) IS DISTINCT FROM (reported_bytes, reported_on)
            AND (stored_bytes <> 0 OR reported_bytes <> 0)
        ORDER BY tenant_id
        LIMIT $1",
    )
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Remembers what the tenant service knows.
pub(crate) async fn mark_reported(tx: &mut PgConnection, reported: &[Stored]) -> Result<()> {
    sqlx::query(
        "UPDATE tenant_usage AS known
        SET reported_bytes = told.bytes, reported_on = told.day::date
        FROM UNNEST($1::uuid[], $2::bigint[], $3::text[]) AS told (tenant_id, bytes, day)
        WHERE known.tenant_id = told.tenant_id",
    )
    .bind(reported.iter().map(|stored| stored.tenant_id).collect::<Vec<_>>())
    .bind(reported.iter().map(|stored| stored.stored_bytes).collect::<Vec<_>>())
    .bind(reported.iter().map(|stored| stored.day.as_str()).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}
