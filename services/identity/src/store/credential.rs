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
    pub password_hash: String,
}

/// Finds a user's secret by e-mail, in one round trip.
pub async fn find(db: &Db, ctx: &RequestContext, email: &Email) -> Result<Option<Credential>> {
    const STATEMENT: &str =
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (
            SELECT id, password_hash FROM users WHERE tenant_id = context.tenant::uuid AND email = $2 OFFSET 0
        ) AS own";
    db.read_one::<Credential>(ctx, STATEMENT, |query| query.bind(email.as_str().to_owned())).await
}

/// Lets in a user whose password was right, and forgets wrong ones. None when the account is inactive or locked, or its
/// password was changed meanwhile.
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
        SET failed_attempts = 0,
            locked_until = NULL,
            last_login_at = CASE WHEN $4 THEN now() ELSE u.last_login_at END
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

/// Counts a wrong password, and locks the account when there were too many. Attempts while it is locked do not count,
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
