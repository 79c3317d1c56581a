//! The table `mail_requests`: what other services asked for already.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{TenantId, UserId};
use uuid::Uuid;

/// Takes a request; gives how many mails it left when it was taken before.
pub async fn take(tx: &mut PgConnection, tenant: TenantId, id: Uuid) -> Result<Option<i32>> {
    sqlx::query("DELETE FROM mail_requests WHERE tenant_id = $1 AND created_at < now() - interval '7 days'")
        .bind(tenant)
        .execute(&mut *tx)
        .await?;
    let taken = sqlx::query(
        "INSERT INTO mail_requests (tenant_id, id, mails)
        VALUES ($1, $2, 0)
        ON CONFLICT ON CONSTRAINT mail_requests_pkey DO NOTHING",
    )
    .bind(tenant)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    if taken.rows_affected() == 1 {
        return Ok(None);
    }
    let statement = "SELECT mails FROM mail_requests WHERE tenant_id = $1 AND id = $2";
    Ok(Some(sqlx::query_scalar(statement).bind(tenant).bind(id).fetch_one(tx).await?))
}

/// Notes how many mails a request left.
pub async fn note(tx: &mut PgConnection, tenant: TenantId, id: Uuid, mails: i32) -> Result<()> {
    sqlx::query("UPDATE mail_requests SET mails = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(mails)
        .execute(tx)
        .await?;
    Ok(())
}

/// The addresses of those of these people, by id or by address, who are active users of the tenant.
pub async fn list_recipients(
    tx: &mut PgConnection,
    tenant: TenantId,
    users: &[UserId],
    emails: &[String],
) -> Result<Vec<String>> {
    let statement = "SELECT email
        FROM users
        WHERE tenant_id = $1 AND active AND (id = ANY ($2) OR email = ANY ($3))
        ORDER BY email";
    Ok(sqlx::query_scalar(statement).bind(tenant).bind(users).bind(emails).fetch_all(tx).await?)
}
