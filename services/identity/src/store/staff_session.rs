//! The tables `staff_sessions` and `staff_entries`: staff's logins, and their ways into tenants.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{SessionId, StaffId, TenantId};

use super::session::Client;

/// Starts a session.
pub async fn insert(
    tx: &mut PgConnection,
    staff: StaffId,
    client: Client<'_>,
    lifetime: Duration,
) -> Result<SessionId> {
    let id = SessionId::new();
    sqlx::query(
        "INSERT INTO staff_sessions (id, staff_id, ip, user_agent, expires_at)
        VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
    )
    .bind(id)
    .bind(staff)
    .bind(client.ip)
    .bind(client.user_agent())
    .bind(lifetime.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(id)
}

/// Ends a live session, and with it every entry that was made in it; false when it has ended already.
pub async fn revoke(tx: &mut PgConnection, staff: StaffId, id: SessionId) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE staff_sessions
        SET revoked_at = now()
        WHERE id = $1 AND staff_id = $2 AND revoked_at IS NULL AND expires_at > now()",
    )
    .bind(id)
    .bind(staff)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A way into a tenant.
#[derive(Debug)]
pub struct Entry<'a> {
    pub staff: StaffId,
    /// The login that it ends with.
    pub session: SessionId,
    pub role: &'static str,
    pub reason: &'a str,
    pub lifetime: Duration,
}

/// Opens a way into the tenant.
pub async fn enter(tx: &mut PgConnection, tenant: TenantId, entry: &Entry<'_>) -> Result<SessionId> {
    let id = SessionId::new();
    sqlx::query(
        "INSERT INTO staff_entries (tenant_id, id, staff_id, session_id, role, reason, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))",
    )
    .bind(tenant)
    .bind(id)
    .bind(entry.staff)
    .bind(entry.session)
    .bind(entry.role)
    .bind(entry.reason)
    .bind(entry.lifetime.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(id)
}
