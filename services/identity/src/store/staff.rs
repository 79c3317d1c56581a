//! The table `staff`: operators, their passwords and lock-outs.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_error::{Error, Result};
use trinity_ids::StaffId;

use super::credential::{FIRST_LOCK, FREE_ATTEMPTS, LONGEST_LOCK};
use crate::domain::{Email, Staff};
use crate::error;

#[derive(sqlx::FromRow)]
struct Row {
    id: StaffId,
    email: String,
    full_name: String,
    active: bool,
    last_login_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<Row> for Staff {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            email: row.email,
            full_name: row.full_name,
            active: row.active,
            last_login_at: row.last_login_at,
            created_at: row.created_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, email, full_name, active, last_login_at, created_at"
    };
}

/// The secret of a member of staff.
#[derive(Debug, sqlx::FromRow)]
pub struct Credential {
    pub id: StaffId,
    pub password_hash: String,
}

/// Adds a member of staff.
///
/// # Errors
/// `AlreadyExists` `EMAIL_TAKEN`.
pub async fn insert(tx: &mut PgConnection, email: &Email, full_name: &str, password_hash: &str) -> Result<Staff> {
    let row: Result<Row, _> = sqlx::query_as(concat!(
        "INSERT INTO staff (id, email, full_name, password_hash)
        VALUES ($1, $2, $3, $4)
        RETURNING ",
        columns!()
    ))
    .bind(StaffId::new())
    .bind(email.as_str())
    .bind(full_name)
    .bind(password_hash)
    .fetch_one(tx)
    .await;
    match row {
        Err(fault) if Error::breaches(&fault, "staff_email_key") => Err(error::email_taken()),
        row => Ok(row?.into()),
    }
}

/// Lists everybody by e-mail.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Staff>> {
    let rows: Vec<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM staff ORDER BY email")).fetch_all(tx).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Finds a secret by e-mail.
pub async fn find_credential(tx: &mut PgConnection, email: &Email) -> Result<Option<Credential>> {
    let credential = sqlx::query_as("SELECT id, password_hash FROM staff WHERE email = $1")
        .bind(email.as_str())
        .fetch_optional(tx)
        .await?;
    Ok(credential)
}

/// Lets in a member of staff whose password was right. None when he is inactive or locked, or has another by now.
pub async fn admit(tx: &mut PgConnection, credential: &Credential) -> Result<Option<Staff>> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE staff
        SET failed_attempts = 0,
            locked_until = NULL,
            last_login_at = now()
        WHERE id = $1 AND password_hash = $2 AND active AND (locked_until IS NULL OR locked_until <= now())
        RETURNING ",
        columns!()
    ))
    .bind(credential.id)
    .bind(&credential.password_hash)
    .fetch_optional(tx)
    .await?;
    Ok(row.map(Into::into))
}

/// Counts a wrong password, and locks as for users.
pub async fn count_failure(tx: &mut PgConnection, id: StaffId) -> Result<()> {
    sqlx::query(
        "UPDATE staff
        SET failed_attempts = failed_attempts + 1,
            locked_until = CASE
                WHEN failed_attempts + 1 >= $2
                THEN now() + make_interval(secs => least($4, $3 * power(2, least(failed_attempts + 1 - $2, 30))))
            END
        WHERE id = $1 AND (locked_until IS NULL OR locked_until <= now())",
    )
    .bind(id)
    .bind(FREE_ATTEMPTS)
    .bind(FIRST_LOCK.as_secs_f64())
    .bind(LONGEST_LOCK.as_secs_f64())
    .execute(tx)
    .await?;
    Ok(())
}

/// Lists who is active and keeps others from changing them, always in the same order.
pub async fn lock_active(tx: &mut PgConnection) -> Result<Vec<StaffId>> {
    let ids = sqlx::query_scalar("SELECT id FROM staff WHERE active ORDER BY id FOR UPDATE").fetch_all(tx).await?;
    Ok(ids)
}

/// Makes a member of staff inactive. None when there is none of this id.
pub async fn deactivate(tx: &mut PgConnection, id: StaffId) -> Result<Option<Staff>> {
    let row: Option<Row> =
        sqlx::query_as(concat!("UPDATE staff SET active = false WHERE id = $1 RETURNING ", columns!()))
            .bind(id)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(Into::into))
}
