//! The table `invitations`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::{Db, Page, PageRequest};
use trinity_error::Result;
use trinity_ids::{InvitationId, TenantId, UserId};

use crate::domain::{Email, Invitation, OneTimeToken};

#[derive(sqlx::FromRow)]
struct Row {
    id: InvitationId,
    email: String,
    roles: Vec<String>,
    invited_by: UserId,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<Row> for Invitation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            email: row.email,
            roles: row.roles,
            invited_by: row.invited_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Keeps an invitation, in the place of an older one to the same address. Expired ones go.
pub async fn insert(
    tx: &mut PgConnection,
    token: &OneTimeToken,
    email: &Email,
    roles: &[String],
    invited_by: UserId,
    lifetime: Duration,
) -> Result<Invitation> {
    sqlx::query("DELETE FROM invitations WHERE tenant_id = $1 AND expires_at <= now()")
        .bind(token.tenant)
        .execute(&mut *tx)
        .await?;
    let row: Row = sqlx::query_as(
        "INSERT INTO invitations (tenant_id, id, email, roles, digest, invited_by, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7))
        ON CONFLICT (tenant_id, email) DO UPDATE
        SET id = excluded.id,
            roles = excluded.roles,
            digest = excluded.digest,
            invited_by = excluded.invited_by,
            created_at = now(),
            expires_at = excluded.expires_at
        RETURNING id, email, roles, invited_by, created_at, expires_at",
    )
    .bind(token.tenant)
    .bind(token.id)
    .bind(email.as_str())
    .bind(roles)
    .bind(token.digest())
    .bind(invited_by)
    .bind(lifetime.as_secs_f64())
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Lists open invitations, the newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, page: PageRequest) -> Result<Page<Invitation>> {
    let total: i64 = sqlx::query_scalar("SELECT count(*) FROM invitations WHERE tenant_id = $1 AND expires_at > now()")
        .bind(tenant)
        .fetch_one(&mut *tx)
        .await?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, email, roles, invited_by, created_at, expires_at
        FROM invitations
        WHERE tenant_id = $1 AND expires_at > now()
        ORDER BY id DESC
        LIMIT $2 OFFSET $3",
    )
    .bind(tenant)
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items: rows.into_iter().map(Into::into).collect(), request: page, total: total.unsigned_abs() })
}

/// Takes an open invitation back; its address, or `None` when there is none of this id.
pub async fn revoke(tx: &mut PgConnection, tenant: TenantId, id: InvitationId) -> Result<Option<String>> {
    let email = sqlx::query_scalar(
        "DELETE FROM invitations WHERE tenant_id = $1 AND id = $2 AND expires_at > now() RETURNING email",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(email)
}

/// The invitation that a token opens, in one round trip; it stays open. None when the token is not good, or who invited
/// is not active any more.
pub async fn find(db: &Db, ctx: &RequestContext, token: &OneTimeToken) -> Result<Option<Invitation>> {
    const STATEMENT: &str =
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (
            SELECT i.id, i.email, i.roles, i.invited_by, i.created_at, i.expires_at
            FROM invitations AS i
            JOIN users AS u ON u.tenant_id = i.tenant_id AND u.id = i.invited_by AND u.active
            WHERE i.tenant_id = context.tenant::uuid AND i.id = $2 AND i.digest = $3 AND i.expires_at > now()
            OFFSET 0
        ) AS own";
    let row = db.read_one::<Row>(ctx, STATEMENT, |query| query.bind(token.id).bind(token.digest())).await?;
    Ok(row.map(Into::into))
}

/// Closes the invitation that a token opens: of many callers at once, one gets true.
pub async fn spend(tx: &mut PgConnection, token: &OneTimeToken) -> Result<bool> {
    let done =
        sqlx::query("DELETE FROM invitations WHERE tenant_id = $1 AND id = $2 AND digest = $3 AND expires_at > now()")
            .bind(token.tenant)
            .bind(token.id)
            .bind(token.digest())
            .execute(tx)
            .await?;
    Ok(done.rows_affected() > 0)
}
