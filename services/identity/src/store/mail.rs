//! The table `mails`.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TenantId;
use uuid::Uuid;

use crate::domain::Mail;
use crate::vault;

/// How long after its first failure a mail is tried again; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// A mail on its way.
#[derive(Debug, sqlx::FromRow)]
pub struct Row {
    pub tenant_id: TenantId,
    pub id: Uuid,
    pub recipient: String,
    pub subject: String,
    pub sealed_text: Vec<u8>,
    pub key_generation: i32,
    pub failed_attempts: i32,
    /// Whether what it holds is worth nothing any more.
    pub is_late: bool,
}

/// Puts a mail beside the change that it tells of.
pub async fn insert(tx: &mut PgConnection, key: &vault::Current, tenant: TenantId, mail: &Mail) -> Result<()> {
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO mails (tenant_id, id, recipient, subject, sealed_text, key_generation, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))",
    )
    .bind(tenant)
    .bind(id)
    .bind(&mail.recipient)
    .bind(mail.subject.as_ref())
    .bind(key.sealer.seal(&place(tenant, id), mail.text.as_bytes())?)
    .bind(key.generation)
    .bind(mail.lifetime.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes up to `limit` mails for `lease`, across tenants; another replica gets others.
pub async fn claim(tx: &mut PgConnection, limit: i64, lease: Duration) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(
        "UPDATE mails AS m
        SET claimed_until = now() + make_interval(secs => $2)
        FROM (
            SELECT tenant_id, id
            FROM mails
            WHERE claimed_until < now()
            ORDER BY id
            LIMIT $1
            FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE m.tenant_id = due.tenant_id AND m.id = due.id
        RETURNING m.tenant_id, m.id, m.recipient, m.subject, m.sealed_text, m.key_generation,
            m.failed_attempts, m.expires_at <= now() AS is_late",
    )
    .bind(limit)
    .bind(lease.as_secs_f64())
    .fetch_all(tx)
    .await?;
    Ok(rows)
}

/// Forgets a mail that was handed over, or that is late.
pub async fn remove(tx: &mut PgConnection, row: &Row) -> Result<()> {
    sqlx::query("DELETE FROM mails WHERE tenant_id = $1 AND id = $2")
        .bind(row.tenant_id)
        .bind(row.id)
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives back a mail that could not be handed over, to be tried again after a pause.
pub async fn release(tx: &mut PgConnection, row: &Row) -> Result<()> {
    sqlx::query(
        "UPDATE mails
        SET failed_attempts = failed_attempts + 1,
            claimed_until = now() + make_interval(secs => least($4, $3 * power(2, least(failed_attempts, 30))))
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(row.tenant_id)
    .bind(row.id)
    .bind(FIRST_PAUSE.as_secs_f64())
    .bind(LONGEST_PAUSE.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Where the text of a mail belongs.
pub fn place(tenant: TenantId, id: Uuid) -> Vec<u8> {
    [&b"mail/"[..], &tenant.uuid().into_bytes(), id.as_bytes()].concat()
}
