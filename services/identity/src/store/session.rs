//! The table `sessions`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{SessionId, TenantId, UserId};

use super::user::Row as UserRow;
use super::user_columns;
use crate::domain::{RefreshToken, Session, User};

/// For how long a token's predecessor still answers, with that same token: the answer may have been lost.
const GRACE: Duration = Duration::from_secs(10);
/// How many sessions a list shows.
const LIST_LIMIT: i64 = 200;
/// How many dead sessions one sweep removes.
const SWEEP_LIMIT: i64 = 1000;
/// How long a program's name may be that is kept.
const MAX_USER_AGENT_CHARS: usize = 400;

/// Where a session is used from.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    pub ip: &'a str,
    pub user_agent: &'a str,
}

impl Client<'_> {
    pub(super) fn user_agent(&self) -> String {
        self.user_agent.chars().take(MAX_USER_AGENT_CHARS).collect()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: SessionId,
    ip: String,
    user_agent: String,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<Row> for Session {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            ip: row.ip,
            user_agent: row.user_agent,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
        }
    }
}

/// A live session whose token may have been presented again.
#[derive(Debug, sqlx::FromRow)]
pub struct Family {
    pub user_id: UserId,
    pub token_digest: Vec<u8>,
    pub rotations: i64,
}

/// Starts a session with its first token.
pub async fn insert(
    tx: &mut PgConnection,
    token: &RefreshToken,
    user: UserId,
    client: Client<'_>,
    lifetime: Duration,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO sessions (tenant_id, id, user_id, ip, user_agent, token_digest, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))",
    )
    .bind(token.tenant)
    .bind(token.session)
    .bind(user)
    .bind(client.ip)
    .bind(client.user_agent())
    .bind(token.digest())
    .bind(lifetime.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Puts `next` in the place of `spent`, its predecessor, and says whose session it is. None when `spent` is not good.
///
/// Of many callers with the same token one rotates; the others wait for its row, find that their token has become the
/// predecessor, and get the same successor while the grace lasts.
pub async fn rotate(
    tx: &mut PgConnection,
    spent: &RefreshToken,
    next: &RefreshToken,
    client: Client<'_>,
) -> Result<Option<User>> {
    let row: Option<UserRow> = sqlx::query_as(concat!(
        "UPDATE sessions AS s
        SET token_digest = $4,
            previous_digest = $3,
            rotations = s.rotations + CASE WHEN s.token_digest = $3 THEN 1 ELSE 0 END,
            rotated_at = CASE WHEN s.token_digest = $3 THEN now() ELSE s.rotated_at END,
            last_used_at = now(),
            ip = $5,
            user_agent = $6
        FROM users AS u
        WHERE s.tenant_id = $1 AND s.id = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
            AND (s.token_digest = $3
                OR (s.previous_digest = $3 AND s.token_digest = $4 AND s.rotated_at > now() - make_interval(secs => $7)))
            AND u.tenant_id = s.tenant_id AND u.id = s.user_id AND u.active
        RETURNING ",
        user_columns!()
    ))
    .bind(spent.tenant)
    .bind(spent.session)
    .bind(spent.digest())
    .bind(next.digest())
    .bind(client.ip)
    .bind(client.user_agent())
    .bind(GRACE.as_secs_f64())
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// Finds a live session and keeps others from rotating its token.
pub async fn find_family_locked(tx: &mut PgConnection, tenant: TenantId, id: SessionId) -> Result<Option<Family>> {
    let family = sqlx::query_as(
        "SELECT user_id, token_digest, rotations
        FROM sessions
        WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL AND expires_at > now()
        FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(family)
}

/// Lists the live sessions of a user, the last used first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<Vec<Session>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, ip, user_agent, created_at, last_used_at, expires_at
        FROM sessions
        WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > now()
        ORDER BY last_used_at DESC, id DESC
        LIMIT $3",
    )
    .bind(tenant)
    .bind(user)
    .bind(LIST_LIMIT)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Ends one live session of a user; false when he has none of this id.
pub async fn revoke(tx: &mut PgConnection, tenant: TenantId, user: UserId, id: SessionId) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE sessions
        SET revoked_at = now()
        WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND revoked_at IS NULL AND expires_at > now()",
    )
    .bind(tenant)
    .bind(user)
    .bind(id)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends every live session of a user but `keep`; says how many.
pub async fn revoke_all(tx: &mut PgConnection, tenant: TenantId, user: UserId, keep: Option<SessionId>) -> Result<u32> {
    let done = sqlx::query(
        "UPDATE sessions
        SET revoked_at = now()
        WHERE tenant_id = $1 AND user_id = $2 AND id IS DISTINCT FROM $3 AND revoked_at IS NULL AND expires_at > now()",
    )
    .bind(tenant)
    .bind(user)
    .bind(keep)
    .execute(tx)
    .await?;
    Ok(u32::try_from(done.rows_affected()).unwrap_or(u32::MAX))
}

/// Removes some sessions that ended longer than `keep` ago, across tenants; says how many.
pub async fn remove_dead(tx: &mut PgConnection, keep: Duration) -> Result<u64> {
    let done = sqlx::query(
        "DELETE FROM sessions
        WHERE (tenant_id, id) IN (
            SELECT tenant_id, id
            FROM sessions
            WHERE least(expires_at, revoked_at) < now() - make_interval(secs => $1)
            LIMIT $2
        )",
    )
    .bind(keep.as_secs_f64())
    .bind(SWEEP_LIMIT)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}
