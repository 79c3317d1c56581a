//! The table `service_accounts`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{ServiceAccountId, TenantId, UserId};

use super::binding;
use crate::domain::{Roles, ServiceAccount, Subject, SubjectKind};
use crate::error;

#[derive(sqlx::FromRow)]
struct Row {
    id: ServiceAccountId,
    name: String,
    description: String,
    owner_id: UserId,
    roles: Vec<String>,
    created_at: DateTime<Utc>,
}

impl From<Row> for ServiceAccount {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            owner: row.owner_id,
            roles: Roles::stored(row.roles),
            created_at: row.created_at,
        }
    }
}

macro_rules! columns {
    () => {
        "a.id, a.name, a.description, a.owner_id, a.created_at,
        ARRAY(
            SELECT b.role
            FROM bindings AS b
            WHERE b.tenant_id = a.tenant_id AND b.subject_id = a.id AND b.project_id IS NULL
        ) AS roles"
    };
}

/// Adds an account with its roles, which the caller has found to exist.
///
/// # Errors
/// `AlreadyExists` `SERVICE_ACCOUNT_NAME_TAKEN`.
pub async fn insert(
    tx: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    description: &str,
    owner: UserId,
    roles: &Roles,
) -> Result<ServiceAccount> {
    let row: Result<Row, _> = sqlx::query_as(concat!(
        "INSERT INTO service_accounts AS a (tenant_id, id, name, description, owner_id)
        VALUES ($1, $2, $3, $4, $5)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(ServiceAccountId::new())
    .bind(name)
    .bind(description)
    .bind(owner)
    .fetch_one(&mut *tx)
    .await;
    let row = match row {
        Err(fault) if Error::breaches(&fault, "service_accounts_name_key") => {
            return Err(error::service_account_name_taken());
        }
        row => row?,
    };
    let subject = Subject { kind: SubjectKind::ServiceAccount, id: row.id.uuid() };
    binding::replace_in_tenant(tx, tenant, subject, roles, Some(owner)).await?;
    Ok(ServiceAccount { roles: roles.clone(), ..row.into() })
}

/// Lists accounts by name.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, page: PageRequest) -> Result<Page<ServiceAccount>> {
    let total: i64 = sqlx::query_scalar("SELECT count(*) FROM service_accounts WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(&mut *tx)
        .await?;
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM service_accounts AS a
        WHERE a.tenant_id = $1
        ORDER BY lower(a.name)
        LIMIT $2 OFFSET $3"
    ))
    .bind(tenant)
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items: rows.into_iter().map(Into::into).collect(), request: page, total: total.unsigned_abs() })
}

/// Finds an account and keeps others from giving it anything, or keys.
pub async fn find_locked(
    tx: &mut PgConnection,
    tenant: TenantId,
    id: ServiceAccountId,
) -> Result<Option<ServiceAccount>> {
    sqlx::query("SELECT FROM service_accounts WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
        .bind(tenant)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM service_accounts AS a WHERE a.tenant_id = $1 AND a.id = $2"
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// Deletes an account with its keys and bindings.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: ServiceAccountId) -> Result<()> {
    binding::delete_of_subject(tx, tenant, id.uuid()).await?;
    sqlx::query("DELETE FROM service_accounts WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx)
        .await?;
    Ok(())
}
