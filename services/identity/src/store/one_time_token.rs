//! The table `one_time_tokens`.

use std::time::Duration;

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::Db;
use trinity_error::Result;
use trinity_ids::{TenantId, UserId};

use crate::domain::{OneTimeToken, Purpose};

/// How many tokens of one purpose a user has at once: so many mails are the most that strangers can have sent to him
/// while such a token lives.
const MAX_LIVE: i64 = 3;

/// Whom a live token is for.
#[derive(Debug, sqlx::FromRow)]
pub struct Holder {
    pub user_id: UserId,
    pub email: String,
    pub mfa_enabled: bool,
}

/// Keeps a token for a user; false when he has many of this purpose already. Expired ones go.
///
/// Invariant: the caller has locked the user, so that the count holds.
pub async fn insert(tx: &mut PgConnection, token: &OneTimeToken, user: UserId, lifetime: Duration) -> Result<bool> {
    sqlx::query("DELETE FROM one_time_tokens WHERE tenant_id = $1 AND user_id = $2 AND expires_at <= now()")
        .bind(token.tenant)
        .bind(user)
        .execute(&mut *tx)
        .await?;
    let done = sqlx::query(
        "INSERT INTO one_time_tokens (tenant_id, id, user_id, purpose, digest, expires_at)
        SELECT $1, $2, $3, $4, $5, now() + make_interval(secs => $6)
        WHERE $4 = 'mfa' OR (
            SELECT count(*) FROM one_time_tokens WHERE tenant_id = $1 AND user_id = $3 AND purpose = $4
        ) < $7",
    )
    .bind(token.tenant)
    .bind(token.id)
    .bind(user)
    .bind(token.purpose.name())
    .bind(token.digest())
    .bind(lifetime.as_secs_f64())
    .bind(MAX_LIVE)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Whom a token is for, in one round trip; it stays good. None when it is not good, or its user is inactive.
pub async fn find(db: &Db, ctx: &RequestContext, token: &OneTimeToken) -> Result<Option<Holder>> {
    const STATEMENT: &str =
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (
            SELECT t.user_id, u.email, u.mfa_enabled
            FROM one_time_tokens AS t
            JOIN users AS u ON u.tenant_id = t.tenant_id AND u.id = t.user_id AND u.active
            WHERE t.tenant_id = context.tenant::uuid AND t.id = $2 AND t.digest = $3 AND t.purpose = $4
                AND t.expires_at > now()
            OFFSET 0
        ) AS own";
    db.read_one::<Holder>(ctx, STATEMENT, |query| query.bind(token.id).bind(token.digest()).bind(token.purpose.name()))
        .await
}

/// Spends a token: of many callers at once, one gets true.
pub async fn spend(tx: &mut PgConnection, token: &OneTimeToken) -> Result<bool> {
    let done = sqlx::query(
        "DELETE FROM one_time_tokens
        WHERE tenant_id = $1 AND id = $2 AND digest = $3 AND purpose = $4 AND expires_at > now()",
    )
    .bind(token.tenant)
    .bind(token.id)
    .bind(token.digest())
    .bind(token.purpose.name())
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes a user's tokens of these purposes worthless.
pub async fn remove(tx: &mut PgConnection, tenant: TenantId, user: UserId, purposes: &[Purpose]) -> Result<()> {
    let purposes: Vec<_> = purposes.iter().map(|purpose| purpose.name()).collect();
    sqlx::query("DELETE FROM one_time_tokens WHERE tenant_id = $1 AND user_id = $2 AND purpose = ANY ($3)")
        .bind(tenant)
        .bind(user)
        .bind(purposes)
        .execute(tx)
        .await?;
    Ok(())
}
