//! The table `grants`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::{Level, Object, ObjectKind};
use trinity_db::{Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{GrantId, TenantId, UserId};
use uuid::Uuid;

use crate::domain::{Grant, NewGrant, Subject};

#[derive(sqlx::FromRow)]
struct Row {
    id: GrantId,
    object_type: String,
    object_id: Uuid,
    subject_type: String,
    subject_id: Uuid,
    level: String,
    starts_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    created_by: UserId,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Grant {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id,
            object: object(&row.object_type, row.object_id)?,
            subject: Subject::stored(&row.subject_type, row.subject_id)?,
            level: level(&row.level)?,
            starts_at: row.starts_at,
            expires_at: row.expires_at,
            created_by: row.created_by,
            created_at: row.created_at,
        })
    }
}

/// An object as it was stored.
pub(super) fn object(kind: &str, id: Uuid) -> Result<Object> {
    let kind = ObjectKind::parse(kind).ok_or_else(|| Error::internal("a stored object has no known kind"))?;
    Ok(Object { kind, id })
}

/// A level as it was stored.
pub(super) fn level(name: &str) -> Result<Level> {
    Level::parse(name).ok_or_else(|| Error::internal("a stored grant has no known level"))
}

macro_rules! columns {
    () => {
        "id, object_type, object_id, subject_type, subject_id, level, starts_at, expires_at, created_by, created_at"
    };
}

/// Shares an object with a subject that the caller has locked; takes the place of the grant that the subject has on it.
pub async fn put(tx: &mut PgConnection, tenant: TenantId, new: &NewGrant, by: UserId) -> Result<Grant> {
    let row: Row = sqlx::query_as(concat!(
        "INSERT INTO grants (
            tenant_id, id, object_type, object_id, subject_type, subject_id, level, starts_at, expires_at, created_by
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT ON CONSTRAINT grants_subject_key DO UPDATE
        SET id = excluded.id,
            level = excluded.level,
            starts_at = excluded.starts_at,
            expires_at = excluded.expires_at,
            created_by = excluded.created_by,
            created_at = now()
        RETURNING ",
        columns!()
    ))
    .bind(tenant)
    .bind(GrantId::new())
    .bind(new.object.kind.name())
    .bind(new.object.id)
    .bind(new.subject.kind.name())
    .bind(new.subject.id)
    .bind(new.level.name())
    .bind(new.starts_at)
    .bind(new.expires_at)
    .bind(by)
    .fetch_one(tx)
    .await?;
    row.try_into()
}

/// Finds a grant that has not expired.
pub async fn find(tx: &mut PgConnection, tenant: TenantId, id: GrantId) -> Result<Option<Grant>> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM grants
        WHERE tenant_id = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > now())"
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    row.map(TryInto::try_into).transpose()
}

/// Lists the grants on an object that have not expired, the newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, object: Object, page: PageRequest) -> Result<Page<Grant>> {
    let total: i64 = sqlx::query_scalar(
        "SELECT count(*)
        FROM grants
        WHERE tenant_id = $1 AND object_id = $2 AND object_type = $3 AND (expires_at IS NULL OR expires_at > now())",
    )
    .bind(tenant)
    .bind(object.id)
    .bind(object.kind.name())
    .fetch_one(&mut *tx)
    .await?;
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM grants
        WHERE tenant_id = $1 AND object_id = $2 AND object_type = $3 AND (expires_at IS NULL OR expires_at > now())
        ORDER BY created_at DESC, id DESC
        LIMIT $4 OFFSET $5"
    ))
    .bind(tenant)
    .bind(object.id)
    .bind(object.kind.name())
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    let items = rows.into_iter().map(TryInto::try_into).collect::<Result<_>>()?;
    Ok(Page { items, request: page, total: total.unsigned_abs() })
}

/// Takes a grant back; false when there is none of this id.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: GrantId) -> Result<bool> {
    let done =
        sqlx::query("DELETE FROM grants WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).execute(tx).await?;
    Ok(done.rows_affected() > 0)
}

/// Takes every grant from a subject that is being deleted.
pub async fn delete_of_subject(tx: &mut PgConnection, tenant: TenantId, subject: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM grants WHERE tenant_id = $1 AND subject_id = $2")
        .bind(tenant)
        .bind(subject)
        .execute(tx)
        .await?;
    Ok(())
}
