//! The table `roles`: those that a tenant has made, beside the built-in ones of the program.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use trinity_access::Permissions;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;

use crate::domain::{CustomRole, words};
use crate::error;

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    description: String,
    permissions: Vec<String>,
    version: i64,
}

impl From<Row> for CustomRole {
    fn from(row: Row) -> Self {
        Self {
            permissions: Permissions::of(row.permissions.iter().map(String::as_str)),
            name: row.name,
            description: row.description,
            version: row.version,
        }
    }
}

macro_rules! columns {
    () => {
        "name, description, permissions, version"
    };
}

/// Lists the tenant's own roles by name.
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<CustomRole>> {
    let rows: Vec<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM roles WHERE tenant_id = $1 ORDER BY name"))
            .bind(tenant)
            .fetch_all(tx)
            .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// What each of these roles lets its holders do, be it built in or the tenant's own; those that do not exist are left
/// out. The tenant's own stay as they are until the transaction ends.
pub async fn permissions(
    tx: &mut PgConnection,
    tenant: TenantId,
    names: &[String],
) -> Result<BTreeMap<String, Permissions>> {
    let (built_in, own): (Vec<_>, Vec<_>) = names.iter().partition(|name| trinity_access::role(name).is_some());
    let mut found: BTreeMap<_, _> = built_in
        .into_iter()
        .filter_map(|name| Some((name.clone(), trinity_access::role(name)?.permissions())))
        .collect();
    if !own.is_empty() {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM roles
            WHERE tenant_id = $1 AND name = ANY($2)
            ORDER BY name
            FOR SHARE"
        ))
        .bind(tenant)
        .bind(own)
        .fetch_all(tx)
        .await?;
        found.extend(rows.into_iter().map(CustomRole::from).map(|role| (role.name, role.permissions)));
    }
    Ok(found)
}

/// Finds one of the tenant's own roles and keeps others from changing or giving it.
pub async fn find_locked(tx: &mut PgConnection, tenant: TenantId, name: &str) -> Result<Option<CustomRole>> {
    let row: Option<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM roles WHERE tenant_id = $1 AND name = $2 FOR UPDATE"))
            .bind(tenant)
            .bind(name)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(Into::into))
}

/// Adds a role.
///
/// # Errors
/// `AlreadyExists` `ROLE_NAME_TAKEN`.
pub async fn insert(
    tx: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    description: &str,
    permissions: Permissions,
) -> Result<CustomRole> {
    let row: Result<Row, _> = sqlx::query_as(concat!(
        "INSERT INTO roles (tenant_id, name, description, permissions)
        VALUES ($1, $2, $3, $4)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(name)
    .bind(description)
    .bind(words(permissions))
    .fetch_one(tx)
    .await;
    match row {
        Err(fault) if Error::breaches(&fault, "roles_pkey") => Err(error::role_name_taken()),
        row => Ok(row?.into()),
    }
}

/// Changes a role that the caller has locked.
pub async fn update(
    tx: &mut PgConnection,
    tenant: TenantId,
    name: &str,
    description: Option<&str>,
    permissions: Option<Permissions>,
) -> Result<CustomRole> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE roles
        SET description = coalesce($3, description),
            permissions = coalesce($4, permissions),
            version = version + 1,
            updated_at = now()
        WHERE tenant_id = $1 AND name = $2
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(name)
    .bind(description)
    .bind(permissions.map(words))
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Deletes a role with its bindings.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, name: &str) -> Result<()> {
    sqlx::query("DELETE FROM bindings WHERE tenant_id = $1 AND role = $2")
        .bind(tenant)
        .bind(name)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM roles WHERE tenant_id = $1 AND name = $2").bind(tenant).bind(name).execute(tx).await?;
    Ok(())
}
