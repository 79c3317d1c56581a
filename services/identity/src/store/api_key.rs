//! The table `api_keys`: digests of keys, never their texts.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_db::{Page, PageRequest};
use trinity_error::Result;
use trinity_ids::{ApiKeyId, ServiceAccountId, TenantId, UserId};

use crate::domain::{ApiKey, NewApiKey, words};

#[derive(sqlx::FromRow)]
struct Row {
    id: ApiKeyId,
    service_account_id: ServiceAccountId,
    name: String,
    prefix: String,
    scopes: Vec<String>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            account: row.service_account_id,
            name: row.name,
            prefix: row.prefix,
            scopes: row.scopes,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
            created_at: row.created_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, service_account_id, name, prefix, scopes, expires_at, last_used_at, revoked_at, created_at"
    };
}

/// Whose key it is.
#[derive(Debug, sqlx::FromRow)]
pub struct Holder {
    pub account: ServiceAccountId,
    pub owner: UserId,
}

/// Adds a key to an account that the caller has locked.
pub async fn insert(
    tx: &mut PgConnection,
    tenant: TenantId,
    id: ApiKeyId,
    new: &NewApiKey,
    prefix: &str,
    digest: &[u8],
) -> Result<ApiKey> {
    let row: Row = sqlx::query_as(concat!(
        "INSERT INTO api_keys (tenant_id, id, service_account_id, name, prefix, digest, scopes, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(id)
    .bind(new.account)
    .bind(&new.name)
    .bind(prefix)
    .bind(digest)
    .bind(words(new.scopes))
    .bind(new.expires_at)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Lists keys, the newest first; of one account when it is given.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    account: Option<ServiceAccountId>,
    page: PageRequest,
) -> Result<Page<ApiKey>> {
    let total: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM api_keys WHERE tenant_id = $1 AND ($2::uuid IS NULL OR service_account_id = $2)",
    )
    .bind(tenant)
    .bind(account)
    .fetch_one(&mut *tx)
    .await?;
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM api_keys
        WHERE tenant_id = $1 AND ($2::uuid IS NULL OR service_account_id = $2)
        ORDER BY created_at DESC, id DESC
        LIMIT $3 OFFSET $4"
    ))
    .bind(tenant)
    .bind(account)
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items: rows.into_iter().map(Into::into).collect(), request: page, total: total.unsigned_abs() })
}

/// Stops a key that is not stopped yet. None when there is none of this id.
pub async fn revoke(tx: &mut PgConnection, tenant: TenantId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE api_keys
        SET revoked_at = now()
        WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// The tenant of the key whose text has this digest, across tenants: the text names none.
pub async fn find_tenant(tx: &mut PgConnection, id: ApiKeyId, digest: &[u8]) -> Result<Option<TenantId>> {
    let tenant = sqlx::query_scalar("SELECT tenant_id FROM api_keys WHERE id = $1 AND digest = $2")
        .bind(id)
        .bind(digest)
        .fetch_optional(tx)
        .await?;
    Ok(tenant)
}

/// Whose key it is, when it is good.
pub async fn find_holder(tx: &mut PgConnection, tenant: TenantId, id: ApiKeyId) -> Result<Option<Holder>> {
    let holder = sqlx::query_as(
        "SELECT a.id AS account, a.owner_id AS owner
        FROM api_keys AS k
        JOIN service_accounts AS a ON a.tenant_id = k.tenant_id AND a.id = k.service_account_id
        JOIN users AS u ON u.tenant_id = a.tenant_id AND u.id = a.owner_id
        WHERE k.tenant_id = $1 AND k.id = $2 AND k.revoked_at IS NULL AND k.expires_at > now() AND u.active",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(holder)
}

/// Writes down when keys were last used, across tenants; never back in time.
pub async fn touch(tx: &mut PgConnection, uses: &[(TenantId, ApiKeyId, DateTime<Utc>)]) -> Result<()> {
    sqlx::query(
        "UPDATE api_keys AS k
        SET last_used_at = date_trunc('minute', used.at)
        FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS used (tenant_id, id, at)
        WHERE k.tenant_id = used.tenant_id AND k.id = used.id
            AND (k.last_used_at IS NULL OR k.last_used_at < date_trunc('minute', used.at))",
    )
    .bind(uses.iter().map(|(tenant, ..)| *tenant).collect::<Vec<_>>())
    .bind(uses.iter().map(|(_, id, _)| *id).collect::<Vec<_>>())
    .bind(uses.iter().map(|(.., at)| *at).collect::<Vec<_>>())
    .execute(tx)
    .await?;
    Ok(())
}
