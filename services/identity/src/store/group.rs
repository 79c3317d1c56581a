//! The tables `groups` and `group_members`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{GroupId, TenantId, UserId};

use crate::domain::Group;
use crate::error;

#[derive(sqlx::FromRow)]
struct Row {
    id: GroupId,
    name: String,
    description: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for Group {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            description: row.description,
            version: row.version,
            members: Vec::new(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, name, description, version, created_at, updated_at"
    };
}

/// Adds a group.
///
/// # Errors
/// `AlreadyExists` `GROUP_NAME_TAKEN`.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, name: &str, description: &str) -> Result<Group> {
    let row: Row = sqlx::query_as(concat!(
        "INSERT INTO groups (tenant_id, id, name, description)
        VALUES ($1, $2, $3, $4)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(GroupId::new())
    .bind(name)
    .bind(description)
    .fetch_one(tx)
    .await
    .map_err(taken)?;
    Ok(row.into())
}

/// Lists groups by name, without their members.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, page: PageRequest) -> Result<Page<Group>> {
    let total: i64 =
        sqlx::query_scalar("SELECT count(*) FROM groups WHERE tenant_id = $1").bind(tenant).fetch_one(&mut *tx).await?;
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM groups
        WHERE tenant_id = $1
        ORDER BY lower(name)
        LIMIT $2 OFFSET $3"
    ))
    .bind(tenant)
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items: rows.into_iter().map(Into::into).collect(), request: page, total: total.unsigned_abs() })
}

/// Finds a group with its members.
pub async fn find(tx: &mut PgConnection, tenant: TenantId, id: GroupId) -> Result<Option<Group>> {
    let row: Option<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM groups WHERE tenant_id = $1 AND id = $2"))
            .bind(tenant)
            .bind(id)
            .fetch_optional(&mut *tx)
            .await?;
    let Some(row) = row else { return Ok(None) };
    let members =
        sqlx::query_scalar("SELECT user_id FROM group_members WHERE tenant_id = $1 AND group_id = $2 ORDER BY user_id")
            .bind(tenant)
            .bind(id)
            .fetch_all(tx)
            .await?;
    Ok(Some(Group { members, ..row.into() }))
}

/// Finds a group without its members, and keeps others from changing it, its members and what it is given.
pub async fn find_locked(tx: &mut PgConnection, tenant: TenantId, id: GroupId) -> Result<Option<Group>> {
    let row: Option<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM groups WHERE tenant_id = $1 AND id = $2 FOR UPDATE"))
            .bind(tenant)
            .bind(id)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(Into::into))
}

/// Changes a group that the caller has locked.
///
/// # Errors
/// `AlreadyExists` `GROUP_NAME_TAKEN`.
pub async fn update(
    tx: &mut PgConnection,
    tenant: TenantId,
    id: GroupId,
    name: Option<&str>,
    description: Option<&str>,
) -> Result<Group> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE groups
        SET name = coalesce($3, name),
            description = coalesce($4, description),
            version = version + 1,
            updated_at = now()
        WHERE tenant_id = $1 AND id = $2
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(id)
    .bind(name)
    .bind(description)
    .fetch_one(tx)
    .await
    .map_err(taken)?;
    Ok(row.into())
}

/// Deletes a group with its members, bindings and grants.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: GroupId) -> Result<()> {
    super::binding::delete_of_subject(tx, tenant, id.uuid()).await?;
    super::grant::delete_of_subject(tx, tenant, id.uuid()).await?;
    sqlx::query("DELETE FROM groups WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).execute(tx).await?;
    Ok(())
}

/// Adds a user to a group; false when he is in it already.
pub async fn add_member(tx: &mut PgConnection, tenant: TenantId, group: GroupId, user: UserId) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO group_members (tenant_id, group_id, user_id)
        VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(group)
    .bind(user)
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes a user out of a group; false when he is not in it.
pub async fn remove_member(tx: &mut PgConnection, tenant: TenantId, group: GroupId, user: UserId) -> Result<bool> {
    let done = sqlx::query("DELETE FROM group_members WHERE tenant_id = $1 AND group_id = $2 AND user_id = $3")
        .bind(tenant)
        .bind(group)
        .bind(user)
        .execute(tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

fn taken(fault: sqlx::Error) -> Error {
    if Error::breaches(&fault, "groups_name_key") { error::group_name_taken() } else { fault.into() }
}
