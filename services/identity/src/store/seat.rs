//! Seats: how many active users a tenant may have.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;

use crate::error;

/// Tells this lock from others on the same tenant.
const LOCK: i64 = 0x7365_6174;

/// Lets the caller's transaction make one more active user, within `seats`; no limit when `None`.
///
/// Invariant: whoever takes a seat holds the tenant's lock until he has committed, so that no two count the same one.
///
/// # Errors
/// `ResourceExhausted` `SEAT_LIMIT_REACHED`.
pub async fn take(tx: &mut PgConnection, tenant: TenantId, seats: Option<u32>) -> Result<()> {
    let Some(seats) = seats else { return Ok(()) };
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
        .bind(tenant.to_string())
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    let taken = count(tx, tenant).await?;
    if taken < i64::from(seats) { Ok(()) } else { Err(error::seat_limit_reached(seats)) }
}

/// How many active users the tenant has.
pub async fn count(tx: &mut PgConnection, tenant: TenantId) -> Result<i64> {
    let count = sqlx::query_scalar("SELECT count(*) FROM users WHERE tenant_id = $1 AND active");
    Ok(count.bind(tenant).fetch_one(tx).await?)
}
