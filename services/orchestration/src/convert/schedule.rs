//! Schedules and calendars, between rows and messages.

use chrono::{DateTime, Utc};
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::ScheduleId;
use trinity_proto::Timestamp;
use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;

use super::{name, object, optional_id, priority, timestamp};
use crate::domain::catch_up::CatchUp;
use crate::domain::overlap::Overlap;
use crate::domain::timetable::Timetable;
use crate::store::calendar::{self, Holiday};
use crate::store::schedule::Row;
use crate::store::{fire, target};

/// A new schedule, without the time at which it fires first.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn new(ctx: &RequestContext, target: target::Columns, request: pb::CreateScheduleRequest) -> Result<Row> {
    let (catch_up, overlap) = (catch_up(request.catch_up()), overlap(request.overlap()));
    timetable(&request.cron, &request.time_zone)?;
    Ok(Row {
        tenant_id: ctx.tenant()?,
        id: ScheduleId::new(),
        name: name("name", &request.name)?,
        target,
        cron: request.cron,
        time_zone: request.time_zone,
        calendar_id: optional_id("calendar_id", &request.calendar_id)?,
        catch_up: catch_up.unwrap_or(CatchUp::None).text().to_owned(),
        overlap: overlap.unwrap_or(Overlap::Skip).text().to_owned(),
        paused: request.paused,
        context: object("context", request.context)?,
        priority: priority(request.priority)?,
        next_fire_at: None,
        last_fire_at: None,
        last_run_id: None,
        created_by: ctx.responsible()?,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        version: 1,
    })
}

/// A schedule with what a request changes in it.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn changed(mut row: Row, request: pb::UpdateScheduleRequest) -> Result<Row> {
    if let Some(policy) = catch_up(request.catch_up()) {
        policy.text().clone_into(&mut row.catch_up);
    }
    if let Some(policy) = overlap(request.overlap()) {
        policy.text().clone_into(&mut row.overlap);
    }
    if let Some(text) = &request.name {
        row.name = name("name", text)?;
    }
    if let Some(number) = request.priority {
        row.priority = priority(number)?;
    }
    if request.context.is_some() {
        row.context = object("context", request.context)?;
    }
    if let Some(calendar) = &request.calendar_id {
        row.calendar_id = optional_id("calendar_id", calendar)?;
    }
    row.cron = request.cron.unwrap_or(row.cron);
    row.time_zone = request.time_zone.unwrap_or(row.time_zone);
    timetable(&row.cron, &row.time_zone)?;
    Ok(row)
}

/// When something fires.
///
/// # Errors
/// `InvalidArgument` naming `cron` or `time_zone`.
pub fn timetable(cron: &str, time_zone: &str) -> Result<Timetable> {
    Timetable::parse(cron, time_zone).map_err(|fault| Error::invalid(fault.field, fault.message))
}

/// The moment from which a preview looks ahead.
///
/// # Errors
/// `InvalidArgument` for one that clocks do not reach.
pub fn moment(at: Timestamp) -> Result<DateTime<Utc>> {
    let moment = DateTime::from_timestamp(at.seconds, at.nanos.unsigned_abs());
    // Why so narrow: rules of time zones are known for this century at the best.
    let known = |at: &DateTime<Utc>| (0..=4_102_444_800).contains(&at.timestamp());
    moment.filter(known).ok_or_else(|| Error::invalid("after", "is not a time of this century"))
}

/// A schedule as people see it.
#[must_use]
pub fn shown(row: Row, next: Vec<DateTime<Utc>>) -> pb::Schedule {
    let catch_up = pb::CatchUp::from_str_name(&format!("CATCH_UP_{}", row.catch_up.to_uppercase()));
    let overlap = pb::Overlap::from_str_name(&format!("OVERLAP_{}", row.overlap.to_uppercase()));
    pb::Schedule {
        id: row.id.to_string(),
        name: row.name,
        project_id: row.target.project_id.to_string(),
        workflow_id: row.target.workflow_id.map(String::from),
        job_id: row.target.job_id.map(String::from),
        cron: row.cron,
        time_zone: if row.time_zone.is_empty() { "UTC".to_owned() } else { row.time_zone },
        calendar_id: row.calendar_id.map(String::from),
        catch_up: catch_up.unwrap_or_default().into(),
        overlap: overlap.unwrap_or_default().into(),
        paused: row.paused,
        context: Some(Json::new(row.context)),
        priority: row.priority,
        next_fire_at: row.next_fire_at.filter(|_| !row.paused).map(timestamp),
        last_fire_at: row.last_fire_at.map(timestamp),
        next_fire_times: next.into_iter().map(timestamp).collect(),
        created_by: row.created_by.to_string(),
        created_at: Some(timestamp(row.created_at)),
        updated_at: Some(timestamp(row.updated_at)),
        version: row.version.unsigned_abs(),
    }
}

const fn catch_up(policy: pb::CatchUp) -> Option<CatchUp> {
    match policy {
        pb::CatchUp::Unspecified => None,
        pb::CatchUp::None => Some(CatchUp::None),
        pb::CatchUp::One => Some(CatchUp::One),
        pb::CatchUp::All => Some(CatchUp::All),
    }
}

const fn overlap(policy: pb::Overlap) -> Option<Overlap> {
    match policy {
        pb::Overlap::Unspecified => None,
        pb::Overlap::Skip => Some(Overlap::Skip),
        pb::Overlap::Queue => Some(Overlap::Queue),
        pb::Overlap::Allow => Some(Overlap::Allow),
    }
}

impl From<fire::Row> for pb::Fire {
    fn from(row: fire::Row) -> Self {
        let outcome = pb::FireOutcome::from_str_name(&format!("FIRE_OUTCOME_{}", row.outcome.to_uppercase()));
        Self {
            fire_at: Some(timestamp(row.fire_at)),
            outcome: outcome.unwrap_or_default().into(),
            run_id: row.run_id.map(String::from),
            message: row.message,
        }
    }
}

/// A new calendar.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn calendar(text: &str, holidays: Vec<pb::Holiday>, days_off: &[u32]) -> Result<calendar::Row> {
    let row = calendar::Row::new(name("name", text)?, days(holidays)?, days_off);
    checked(row)
}

/// A calendar with what a request changes in it.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn changed_calendar(row: calendar::Row, request: pb::UpdateCalendarRequest) -> Result<calendar::Row> {
    let text = request.name.map_or(Ok(row.name), |text| name("name", &text))?;
    let holidays = if request.holidays.is_empty() { row.holidays } else { days(request.holidays)? };
    let before: Vec<u32> = row.days_off.iter().map(|day| day.unsigned_abs()).collect();
    let days_off = if request.days_off.is_empty() { before } else { request.days_off };
    checked(calendar::Row { id: row.id, ..calendar::Row::new(text, holidays, &days_off) })
}

fn checked(row: calendar::Row) -> Result<calendar::Row> {
    row.days()?;
    Ok(row)
}

fn days(holidays: Vec<pb::Holiday>) -> Result<Vec<Holiday>> {
    let day = |day: pb::Holiday| {
        let called = if day.name.is_empty() { String::new() } else { name("holidays.name", &day.name)? };
        Ok(Holiday { date: day.date, name: called })
    };
    holidays.into_iter().map(day).collect()
}

impl From<calendar::Row> for pb::Calendar {
    fn from(row: calendar::Row) -> Self {
        Self {
            id: row.id.to_string(),
            name: row.name,
            holidays: row.holidays.into_iter().map(|day| pb::Holiday { date: day.date, name: day.name }).collect(),
            days_off: row.days_off.iter().map(|day| day.unsigned_abs()).collect(),
            updated_at: Some(timestamp(row.updated_at)),
        }
    }
}
