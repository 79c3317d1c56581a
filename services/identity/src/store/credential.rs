//! What signing in reads and writes of the table `users`: the password's hash and the lock-out.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{TenantId, UserId};

use super::user::Row;
use super::user_columns;
use crate::domain::{Email, User};

/// How many wrong passwords lock an account for the first time.
pub(super) const FREE_ATTEMPTS: i32 = 5;
/// How long the first lock lasts; each further wrong password doubles it.
pub(super) const FIRST_LOCK: Duration = Duration::from_secs(1);
pub(super) const LONGEST_LOCK: Duration = Duration::from_secs(15 * 60);

/// The secret of a user.
#[derive(Debug, sqlx::FromRow)]
pub struct Credential {
    pub id: UserId,
    pub email: String,
    pub password_hash: String,
    pub mfa_enabled: bool,
}

/// An active user whose row is locked.
#[derive(Debug, sqlx::FromRow)]
pub struct Locked {
    pub email: String,
    pub verified: bool,
    pub mfa_enabled: bool,
    /// Locked out, after too many wrong passwords or codes.
    pub is_locked: bool,
}

/// Finds a user's secret by e-mail, in one round trip.
pub async fn find(db: &Db, ctx: &RequestContext, email: &Email) -> Result<Option<Credential>> {
    const STATEMENT: &str =
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (
            SELECT id, email, password_hash, mfa_enabled
            FROM users
            WHERE tenant_id = context.tenant::uuid AND email = $2
            OFFSET 0
        ) AS own";
    db.read_one::<Credential>(ctx, STATEMENT, |query| query.bind(email.as_str().to_owned())).await
}

/// Finds the secret of an active user, in one round trip.
pub async fn find_by_id(db: &Db, ctx: &RequestContext, id: UserId) -> Result<Option<Credential>> {
    const STATEMENT: &str =
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (
            SELECT id, email, password_hash, mfa_enabled
            FROM users
            WHERE tenant_id = context.tenant::uuid AND id = $2 AND active
            OFFSET 0
        ) AS own";
    db.read_one::<Credential>(ctx, STATEMENT, |query| query.bind(id)).await
}

/// Finds an active user and keeps others from changing him.
pub async fn lock(tx: &mut PgConnection, tenant: TenantId, id: UserId) -> Result<Option<Locked>> {
    let locked = sqlx::query_as(
        "SELECT email, verified, mfa_enabled, coalesce(locked_until > now(), false) AS is_locked
        FROM users
        WHERE tenant_id = $1 AND id = $2 AND active
        FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(locked)
}

/// Lets in a user whose password was right, and forgets wrong ones. None when the account is inactive or locked, or its
/// password was changed meanwhile. Where a second factor is asked for, only that ends the login and forgets wrong ones:
/// whoever has the password alone gets no new tries.
///
/// Invariant: right and wrong passwords of one account meet at its row, in one order. However many are tried at once, a
/// right one counts only while fewer than the free attempts went wrong before it.
pub async fn admit(
    tx: &mut PgConnection,
    tenant: TenantId,
    credential: &Credential,
    signs_in: bool,
) -> Result<Option<User>> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE users AS u
        SET failed_attempts = CASE WHEN u.mfa_enabled THEN u.failed_attempts ELSE 0 END,
            locked_until = NULL,
            last_login_at = CASE WHEN $4 AND NOT u.mfa_enabled THEN now() ELSE u.last_login_at END
        WHERE u.tenant_id = $1 AND u.id = $2 AND u.password_hash = $3 AND u.active
            AND (u.locked_until IS NULL OR u.locked_until <= now())
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(credential.id)
    .bind(&credential.password_hash)
    .bind(signs_in)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// Ends the login of a user whose row the caller has locked, and forgets wrong passwords and codes.
pub async fn sign_in(tx: &mut PgConnection, tenant: TenantId, id: UserId) -> Result<User> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE users AS u
        SET failed_attempts = 0,
            locked_until = NULL,
            last_login_at = now()
        WHERE u.tenant_id = $1 AND u.id = $2
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(id)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Sets the password of a user whose row the caller has locked; a lock-out ends.
pub async fn set_password(tx: &mut PgConnection, tenant: TenantId, id: UserId, password_hash: &str) -> Result<User> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE users AS u
        SET password_hash = $3,
            failed_attempts = 0,
            locked_until = NULL,
            updated_at = now()
        WHERE u.tenant_id = $1 AND u.id = $2
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(id)
    .bind(password_hash)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Counts a wrong password or code, and locks the account when there were too many. Attempts while it is locked do not count,
/// or a stranger could keep it locked for ever at no cost.
pub async fn count_failure(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query(
        "UPDATE users
        SET failed_attempts = failed_attempts + 1,
            locked_until = CASE
                WHEN failed_attempts + 1 >= $3
                THEN now() + make_interval(secs => least($5, $4 * power(2, least(failed_attempts + 1 - $3, 30))))
            END
        WHERE tenant_id = $1 AND id = $2 AND (locked_until IS NULL OR locked_until <= now())",
    )
    .bind(tenant)
    .bind(user)
    .bind(FREE_ATTEMPTS)
    .bind(FIRST_LOCK.as_secs_f64())
    .bind(LONGEST_LOCK.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}
