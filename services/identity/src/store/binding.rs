//! The table `bindings`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{BindingId, ProjectId, TenantId, UserId};
use uuid::Uuid;

use crate::domain::{Binding, NewBinding, Roles, Subject, SubjectKind};
use crate::error;

#[derive(sqlx::FromRow)]
struct Row {
    id: BindingId,
    role: String,
    subject_type: String,
    subject_id: Uuid,
    project_id: Option<ProjectId>,
    created_by: Option<UserId>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Binding {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id,
            role: row.role,
            subject: Subject::stored(&row.subject_type, row.subject_id)?,
            project: row.project_id,
            created_by: row.created_by,
            created_at: row.created_at,
        })
    }
}

macro_rules! columns {
    () => {
        "id, role, subject_type, subject_id, project_id, created_by, created_at"
    };
}

/// Gives a role to a subject that the caller has locked.
///
/// # Errors
/// `AlreadyExists` `BINDING_EXISTS`.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, new: &NewBinding, by: Option<UserId>) -> Result<Binding> {
    let row: Result<Row, _> = sqlx::query_as(concat!(
        "INSERT INTO bindings (tenant_id, id, role, subject_type, subject_id, project_id, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(BindingId::new())
    .bind(&new.role)
    .bind(new.subject.kind.name())
    .bind(new.subject.id)
    .bind(new.project)
    .bind(by)
    .fetch_one(tx)
    .await;
    match row {
        Err(fault) if Error::breaches(&fault, "bindings_subject_key") => Err(error::binding_exists()),
        row => row?.try_into(),
    }
}

/// Makes `roles` the subject's roles in the whole tenant; those that stay keep their bindings.
pub async fn replace_in_tenant(
    tx: &mut PgConnection,
    tenant: TenantId,
    subject: Subject,
    roles: &Roles,
    by: Option<UserId>,
) -> Result<()> {
    sqlx::query(
        "DELETE FROM bindings
        WHERE tenant_id = $1 AND subject_id = $2 AND project_id IS NULL AND role <> ALL($3)",
    )
    .bind(tenant)
    .bind(subject.id)
    .bind(roles.names())
    .execute(&mut *tx)
    .await?;
    let ids: Vec<BindingId> = roles.names().iter().map(|_| BindingId::new()).collect();
    sqlx::query(
        "INSERT INTO bindings (tenant_id, id, role, subject_type, subject_id, created_by)
        SELECT $1, new.id, new.role, $4, $5, $6
        FROM unnest($2::uuid[], $3::text[]) AS new (id, role)
        ON CONFLICT ON CONSTRAINT bindings_subject_key DO NOTHING",
    )
    .bind(tenant)
    .bind(ids)
    .bind(roles.names())
    .bind(subject.kind.name())
    .bind(subject.id)
    .bind(by)
    .execute(tx)
    .await?;
    Ok(())
}

/// Makes `roles` the user's roles in the whole tenant.
pub async fn replace_of_user(tx: &mut PgConnection, tenant: TenantId, user: UserId, roles: &Roles) -> Result<()> {
    replace_in_tenant(tx, tenant, Subject { kind: SubjectKind::User, id: user.uuid() }, roles, None).await
}

/// Finds a binding and keeps others from deleting it.
pub async fn find_locked(tx: &mut PgConnection, tenant: TenantId, id: BindingId) -> Result<Option<Binding>> {
    let row: Option<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM bindings WHERE tenant_id = $1 AND id = $2 FOR UPDATE"))
            .bind(tenant)
            .bind(id)
            .fetch_optional(tx)
            .await?;
    row.map(TryInto::try_into).transpose()
}

/// Lists bindings, the newest first; of one subject and in one project when they are given.
pub async fn list(
    tx: &mut PgConnection,
    tenant: TenantId,
    subject: Option<Uuid>,
    project: Option<ProjectId>,
    page: PageRequest,
) -> Result<Page<Binding>> {
    let total: i64 = sqlx::query_scalar(
        "SELECT count(*)
        FROM bindings
        WHERE tenant_id = $1 AND ($2::uuid IS NULL OR subject_id = $2) AND ($3::uuid IS NULL OR project_id = $3)",
    )
    .bind(tenant)
    .bind(subject)
    .bind(project)
    .fetch_one(&mut *tx)
    .await?;
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM bindings
        WHERE tenant_id = $1 AND ($2::uuid IS NULL OR subject_id = $2) AND ($3::uuid IS NULL OR project_id = $3)
        ORDER BY created_at DESC, id DESC
        LIMIT $4 OFFSET $5"
    ))
    .bind(tenant)
    .bind(subject)
    .bind(project)
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    let items = rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?;
    Ok(Page { items, request: page, total: total.unsigned_abs() })
}

/// Takes a role away.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: BindingId) -> Result<()> {
    sqlx::query("DELETE FROM bindings WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).execute(tx).await?;
    Ok(())
}

/// Takes every role from a subject that is being deleted.
pub async fn delete_of_subject(tx: &mut PgConnection, tenant: TenantId, subject: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM bindings WHERE tenant_id = $1 AND subject_id = $2")
        .bind(tenant)
        .bind(subject)
        .execute(tx)
        .await?;
    Ok(())
}
