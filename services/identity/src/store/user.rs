//! The table `users`, but for what signing in needs.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::{Db, Page, PageRequest};
use trinity_error::{Error, Result};
use trinity_ids::{TenantId, UserId};

use super::{binding, user_columns};
use crate::domain::{Changes, Email, NewUser, OWNER, Roles, User};
use crate::error;

/// Tells the lock on a tenant's owners from others on the same tenant.
const OWNERS_LOCK: i64 = 0x6f77_6e73;

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    id: UserId,
    email: String,
    username: String,
    full_name: String,
    utc_offset_minutes: i32,
    settings: String,
    roles: Vec<String>,
    active: bool,
    verified: bool,
    photo_url: String,
    mfa_enabled: bool,
    version: i64,
    last_login_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Row> for User {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            email: row.email,
            username: row.username,
            full_name: row.full_name,
            utc_offset_minutes: row.utc_offset_minutes,
            settings: row.settings,
            roles: Roles::stored(row.roles),
            active: row.active,
            verified: row.verified,
            photo_url: row.photo_url,
            mfa_enabled: row.mfa_enabled,
            version: row.version,
            last_login_at: row.last_login_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Adds a user with his roles, which the caller has found to exist.
///
/// # Errors
/// `AlreadyExists` `EMAIL_TAKEN` or `USERNAME_TAKEN`.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, new: &NewUser, password_hash: &str) -> Result<User> {
    let row: Row = sqlx::query_as(concat!(
        "INSERT INTO users AS u (tenant_id, id, email, username, full_name, password_hash)
        VALUES ($1, $2, $3, $4, $5, $6)
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(UserId::new())
    .bind(new.email.as_str())
    .bind(&new.username)
    .bind(&new.full_name)
    .bind(password_hash)
    .fetch_one(&mut *tx)
    .await
    .map_err(taken)?;
    binding::replace_of_user(tx, tenant, row.id, &new.roles).await?;
    Ok(User { roles: new.roles.clone(), ..row.into() })
}

/// Adds the first user of a tenant. None when it has users already: of many callers at once, one gets in.
pub async fn insert_first(
    tx: &mut PgConnection,
    tenant: TenantId,
    new: &NewUser,
    password_hash: &str,
) -> Result<Option<User>> {
    // Why the conflict: whoever waited for another's first user finds the index of founders taken, not the table empty.
    let row: Option<Row> = sqlx::query_as(concat!(
        "INSERT INTO users AS u (tenant_id, id, email, username, full_name, password_hash, founder)
        SELECT $1, $2, $3, $4, $5, $6, true
        WHERE NOT EXISTS (SELECT FROM users WHERE tenant_id = $1)
        ON CONFLICT DO NOTHING
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(UserId::new())
    .bind(new.email.as_str())
    .bind(&new.username)
    .bind(&new.full_name)
    .bind(password_hash)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    binding::replace_of_user(tx, tenant, row.id, &new.roles).await?;
    Ok(Some(User { roles: new.roles.clone(), ..row.into() }))
}

/// Whether a user of the tenant has the address.
pub async fn has_email(tx: &mut PgConnection, tenant: TenantId, email: &Email) -> Result<bool> {
    let has = sqlx::query_scalar("SELECT EXISTS (SELECT FROM users WHERE tenant_id = $1 AND email = $2)")
        .bind(tenant)
        .bind(email.as_str())
        .fetch_one(tx)
        .await?;
    Ok(has)
}

/// Finds a user, in one round trip.
pub async fn find(db: &Db, ctx: &RequestContext, id: UserId) -> Result<Option<User>> {
    const STATEMENT: &str = concat!(
        "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
        SELECT own.* FROM context CROSS JOIN LATERAL (SELECT ",
        user_columns!(),
        " FROM users AS u WHERE u.tenant_id = context.tenant::uuid AND u.id = $2 OFFSET 0) AS own"
    );
    let row = db.read_one::<Row>(ctx, STATEMENT, |query| query.bind(id)).await?;
    Ok(row.map(Into::into))
}

/// Finds a user and keeps others from changing him and his roles.
pub async fn find_locked(tx: &mut PgConnection, tenant: TenantId, id: UserId) -> Result<Option<User>> {
    // Why apart: whoever waited for the lock must read the roles as they are now.
    sqlx::query("SELECT FROM users WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
        .bind(tenant)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users AS u
        WHERE u.tenant_id = $1 AND u.id = $2"
    ))
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// Lists the tenant's active owners and keeps others from changing them and their ownership. Whoever may take an owner
/// away asks here first, always in the same order, so two of them never both believe that another owner stays.
pub async fn lock_active_owners(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<UserId>> {
    // Why besides the rows: whoever waited for one sees it as it is then, and would hold rows that the next one no
    // longer counts among the owners but may want.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
        .bind(tenant.to_string())
        .bind(OWNERS_LOCK)
        .execute(&mut *tx)
        .await?;
    let ids = sqlx::query_scalar(
        "SELECT u.id
        FROM bindings AS b
        JOIN users AS u ON u.tenant_id = b.tenant_id AND u.id = b.subject_id
        WHERE b.tenant_id = $1 AND b.role = $2 AND u.active
        ORDER BY u.id
        FOR UPDATE",
    )
    .bind(tenant)
    .bind(OWNER)
    .fetch_all(tx)
    .await?;
    Ok(ids)
}

/// Lists users by e-mail.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, page: PageRequest) -> Result<Page<User>> {
    let total: i64 =
        sqlx::query_scalar("SELECT count(*) FROM users WHERE tenant_id = $1").bind(tenant).fetch_one(&mut *tx).await?;
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "SELECT ",
        user_columns!(),
        " FROM users AS u
        WHERE u.tenant_id = $1
        ORDER BY u.email
        LIMIT $2 OFFSET $3"
    ))
    .bind(tenant)
    .bind(page.limit())
    .bind(page.offset())
    .fetch_all(tx)
    .await?;
    Ok(Page { items: rows.into_iter().map(Into::into).collect(), request: page, total: total.unsigned_abs() })
}

/// Changes a user whom the caller has locked.
pub async fn update(tx: &mut PgConnection, tenant: TenantId, id: UserId, changes: &Changes) -> Result<User> {
    if let Some(roles) = &changes.roles {
        binding::replace_of_user(tx, tenant, id, roles).await?;
    }
    let row: Row = sqlx::query_as(concat!(
        "UPDATE users AS u
        SET full_name = coalesce($3, u.full_name),
            active = coalesce($4, u.active),
            settings = coalesce($5::json, u.settings),
            utc_offset_minutes = coalesce($6, u.utc_offset_minutes),
            photo_url = coalesce($7, u.photo_url),
            version = u.version + 1,
            updated_at = now()
        WHERE u.tenant_id = $1 AND u.id = $2
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(id)
    .bind(&changes.full_name)
    .bind(changes.active)
    .bind(&changes.settings)
    .bind(changes.utc_offset_minutes)
    .bind(&changes.photo_url)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Says that a user's address is proven.
pub async fn set_verified(tx: &mut PgConnection, tenant: TenantId, id: UserId) -> Result<User> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE users AS u
        SET verified = true,
            version = u.version + 1,
            updated_at = now()
        WHERE u.tenant_id = $1 AND u.id = $2
        RETURNING ",
        user_columns!()
    ))
    .bind(tenant)
    .bind(id)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

fn taken(fault: sqlx::Error) -> Error {
    if Error::breaches(&fault, "users_email_key") {
        error::email_taken()
    } else if Error::breaches(&fault, "users_username_key") {
        error::username_taken()
    } else {
        fault.into()
    }
}
