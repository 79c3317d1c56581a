//! The table `webhook_targets`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Code, Error, Result};
use trinity_ids::{TenantId, UserId, WebhookTargetId};

/// A row of `webhook_targets`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: WebhookTargetId,
    pub name: String,
    pub url: String,
    pub created_at: DateTime<Utc>,
}

/// Inserts an address with its sealed key.
///
/// # Errors
/// `AlreadyExists` `NAME_TAKEN`.
pub async fn insert(
    tx: &mut PgConnection,
    tenant: TenantId,
    row: &Row,
    sealed_key: &[u8],
    created_by: UserId,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO webhook_targets (tenant_id, id, name, url, sealed_key, created_by) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant)
    .bind(row.id)
    .bind(&row.name)
    .bind(&row.url)
    .bind(sealed_key)
    .bind(created_by)
    .execute(tx)
    .await
    .map_err(|error| {
        if Error::breaches(&error, "webhook_targets_name_key") {
            return Error::new(Code::AlreadyExists, "NAME_TAKEN", "another address has this name");
        }
        error.into()
    })?;
    Ok(())
}

/// The address, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, id: WebhookTargetId) -> Result<Row> {
    let statement = "SELECT id, name, url, created_at FROM webhook_targets WHERE tenant_id = $1 AND id = $2";
    let row = sqlx::query_as(statement).bind(tenant).bind(id);
    row.fetch_optional(tx).await?.ok_or_else(|| Error::not_found("webhook target"))
}

/// The tenant's addresses, by name.
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<Row>> {
    let statement = "SELECT id, name, url, created_at
        FROM webhook_targets
        WHERE tenant_id = $1
        ORDER BY lower(name), id
        LIMIT 1000";
    Ok(sqlx::query_as(statement).bind(tenant).fetch_all(tx).await?)
}

/// Deletes an address with all that was sent there; says whether it was there.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: WebhookTargetId) -> Result<bool> {
    let statement = sqlx::query("DELETE FROM webhook_targets WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id);
    Ok(statement.execute(tx).await?.rows_affected() == 1)
}
