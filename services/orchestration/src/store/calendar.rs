//! The table `calendars`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use trinity_error::{Code, Error, Result};
use trinity_ids::{CalendarId, TenantId};

use crate::domain::calendar::Calendar;

/// A day without a fire time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holiday {
    pub date: String,
    #[serde(default)]
    pub name: String,
}

/// A row of `calendars`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub id: CalendarId,
    pub name: String,
    #[sqlx(json)]
    pub holidays: Vec<Holiday>,
    pub days_off: Vec<i32>,
    pub updated_at: DateTime<Utc>,
}

impl Row {
    /// A calendar of no days, still without its time.
    #[must_use]
    pub fn new(name: String, holidays: Vec<Holiday>, days_off: &[u32]) -> Self {
        let days_off = days_off.iter().map(|day| i32::try_from(*day).unwrap_or(i32::MAX)).collect();
        Self { id: CalendarId::new(), name, holidays, days_off, updated_at: DateTime::UNIX_EPOCH }
    }

    /// The days themselves.
    ///
    /// # Errors
    /// `InvalidArgument` naming the field.
    pub fn days(&self) -> Result<Calendar> {
        let days_off: Vec<u32> = self.days_off.iter().map(|day| day.unsigned_abs()).collect();
        Calendar::parse(self.holidays.iter().map(|day| day.date.as_str()), &days_off)
            .map_err(|(field, message)| Error::invalid(field, message))
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, name, holidays, days_off, updated_at FROM calendars ", $rest)
    };
}

/// Inserts a calendar.
///
/// # Errors
/// `AlreadyExists` `NAME_TAKEN`.
pub async fn insert(tx: &mut PgConnection, tenant: TenantId, row: &Row) -> Result<()> {
    sqlx::query("INSERT INTO calendars (tenant_id, id, name, holidays, days_off) VALUES ($1, $2, $3, $4, $5)")
        .bind(tenant)
        .bind(row.id)
        .bind(&row.name)
        .bind(sqlx::types::Json(&row.holidays))
        .bind(&row.days_off)
        .execute(tx)
        .await
        .map_err(named)?;
    Ok(())
}

/// Replaces a calendar.
///
/// # Errors
/// `AlreadyExists` `NAME_TAKEN`.
pub async fn update(tx: &mut PgConnection, tenant: TenantId, row: &Row) -> Result<()> {
    sqlx::query(
        "UPDATE calendars
        SET name = $3, holidays = $4, days_off = $5, updated_at = now()
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(row.id)
    .bind(&row.name)
    .bind(sqlx::types::Json(&row.holidays))
    .bind(&row.days_off)
    .execute(tx)
    .await
    .map_err(named)?;
    Ok(())
}

fn named(error: sqlx::Error) -> Error {
    if Error::breaches(&error, "calendars_name_key") {
        return Error::new(Code::AlreadyExists, "NAME_TAKEN", "another calendar has this name");
    }
    error.into()
}

/// The calendar, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, id: CalendarId) -> Result<Row> {
    let row = sqlx::query_as(select!("WHERE tenant_id = $1 AND id = $2"));
    row.bind(tenant).bind(id).fetch_optional(tx).await?.ok_or_else(|| Error::not_found("calendar"))
}

/// The same, for a change: nobody else changes it meanwhile.
pub async fn get_locked(tx: &mut PgConnection, tenant: TenantId, id: CalendarId) -> Result<Row> {
    let row = sqlx::query_as(select!("WHERE tenant_id = $1 AND id = $2 FOR UPDATE"));
    row.bind(tenant).bind(id).fetch_optional(tx).await?.ok_or_else(|| Error::not_found("calendar"))
}

/// The tenant's calendars, by name.
pub async fn list(tx: &mut PgConnection, tenant: TenantId) -> Result<Vec<Row>> {
    let rows = sqlx::query_as(select!("WHERE tenant_id = $1 ORDER BY lower(name), id LIMIT 1000"));
    Ok(rows.bind(tenant).fetch_all(tx).await?)
}

/// The days of a calendar that a schedule follows; none for no calendar.
pub async fn days_of(tx: &mut PgConnection, tenant: TenantId, id: Option<CalendarId>) -> Result<Calendar> {
    match id {
        Some(id) => get(tx, tenant, id).await?.days(),
        None => Ok(Calendar::default()),
    }
}

/// Deletes a calendar.
///
/// # Errors
/// `NotFound`; `FailedPrecondition` `CALENDAR_IN_USE`.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: CalendarId) -> Result<()> {
    let statement = sqlx::query("DELETE FROM calendars WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id);
    let deleted = statement.execute(tx).await.map_err(|error| {
        if Error::breaches(&error, "schedules_calendar_fkey") {
            return Error::new(Code::FailedPrecondition, "CALENDAR_IN_USE", "schedules follow this calendar");
        }
        error.into()
    })?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(Error::not_found("calendar")) }
}
