//! The tables `totp_secrets` and `recovery_codes`.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{TenantId, UserId};

use super::user::Row;
use super::user_columns;
use crate::domain::User;

/// An authenticator app.
#[derive(Debug, sqlx::FromRow)]
pub struct Totp {
    pub sealed_secret: Vec<u8>,
    pub key_generation: i32,
    pub confirmed: bool,
}

/// Keeps the secret of an app that is still to be confirmed, in the place of an older such.
pub async fn enroll(
    tx: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    sealed_secret: &[u8],
    key_generation: i32,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO totp_secrets (tenant_id, user_id, sealed_secret, key_generation)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant_id, user_id) DO UPDATE
        SET sealed_secret = excluded.sealed_secret, key_generation = excluded.key_generation, created_at = now(), last_step = 0
        WHERE NOT totp_secrets.confirmed",
    )
    .bind(tenant)
    .bind(user)
    .bind(sealed_secret)
    .bind(key_generation)
    .execute(tx)
    .await?;
    Ok(())
}

/// Finds a user's app and keeps others from using it.
pub async fn find_locked(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<Option<Totp>> {
    let totp = sqlx::query_as(
        "SELECT sealed_secret, key_generation, confirmed
        FROM totp_secrets
        WHERE tenant_id = $1 AND user_id = $2
        FOR UPDATE",
    )
    .bind(tenant)
    .bind(user)
    .fetch_optional(tx)
    .await?;
    Ok(totp)
}

/// Spends the codes of `step` and of all steps before it; confirms the app. False when they are spent already.
pub async fn spend_step(tx: &mut PgConnection, tenant: TenantId, user: UserId, step: i64) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE totp_secrets
        SET last_step = $3, confirmed = true
        WHERE tenant_id = $1 AND user_id = $2 AND last_step < $3",
    )
    .bind(tenant)
    .bind(user)
    .bind(step)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Spends a recovery code: of many callers at once, one gets true.
pub async fn spend_recovery_code(tx: &mut PgConnection, tenant: TenantId, user: UserId, digest: &[u8]) -> Result<bool> {
    let done = sqlx::query("DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 AND digest = $3")
        .bind(tenant)
        .bind(user)
        .bind(digest)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Puts new recovery codes in the place of the old ones.
pub async fn replace_recovery_codes(
    tx: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    digests: &[Vec<u8>],
) -> Result<()> {
    sqlx::query("DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(user)
        .execute(&mut *tx)
        .await?;
    sqlx::query("INSERT INTO recovery_codes (tenant_id, user_id, digest) SELECT $1, $2, unnest($3)")
        .bind(tenant)
        .bind(user)
        .bind(digests)
        .execute(tx)
        .await?;
    Ok(())
}

/// Forgets app and codes.
pub async fn remove(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<()> {
    replace_recovery_codes(tx, tenant, user, &[]).await?;
    sqlx::query("DELETE FROM totp_secrets WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(user)
        .execute(tx)
        .await?;
    Ok(())
}

/// Says of a user whether a second factor is asked for.
pub async fn set_enabled(tx: &mut PgConnection, tenant: TenantId, user: UserId, enabled: bool) -> Result<User> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE users AS u
        SET mfa_enabled = $3,
            version = u.version + 1,
            updated_at = now()
        WHERE u.tenant_id = $1 AND u.id = $2
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(user)
    .bind(enabled)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}
