//! Schedules: made, shown, changed, paused, deleted, and what they did.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::ScheduleId;
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use super::target::{locate, require};
use crate::convert::{self, schedule as shape};
use crate::domain::timetable::{SHOWN, Timetable};
use crate::events;
use crate::store;
use crate::store::schedule::Row;
use crate::wiring::App;

/// Creates a schedule.
///
/// # Errors
/// `InvalidArgument`; `NotFound` no such workflow, job or calendar; `PermissionDenied`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateScheduleRequest,
) -> Result<pb::CreateScheduleResponse> {
    let target = locate(app, ctx, &request.workflow_id, &request.job_id).await?;
    let mut row = shape::new(ctx, target, request)?;
    let mut tx = app.db.begin(ctx).await?;
    row.next_fire_at = next_of(&mut tx, &row, Utc::now()).await?;
    store::schedule::insert(&mut tx, &row).await?;
    trinity_outbox::write(&mut tx, ctx, events::schedule("schedule.create", &row)).await?;
    let row = store::schedule::get(&mut tx, row.tenant_id, row.id).await?;
    let schedule = show(&mut tx, row).await?;
    tx.commit().await?;
    Ok(pb::CreateScheduleResponse { schedule: Some(schedule) })
}

/// Shows a schedule with its next fire times.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetScheduleRequest) -> Result<pb::GetScheduleResponse> {
    let id: ScheduleId = parse_id("schedule_id", &request.schedule_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = store::schedule::get(&mut tx, ctx.tenant()?, id).await?;
    require(ctx, "workflow.read", &row.target.path(), "schedule")?;
    let schedule = show(&mut tx, row).await?;
    tx.commit().await?;
    Ok(pb::GetScheduleResponse { schedule: Some(schedule) })
}

/// Lists schedules that the caller may see, newest first.
///
/// # Errors
/// `InvalidArgument` a bad filter or token.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListSchedulesRequest,
) -> Result<pb::ListSchedulesResponse> {
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["schedules", &request.project_id, &request.workflow_id, &request.job_id]);
    let filter = store::schedule::Filter {
        project: convert::optional_id("project_id", &request.project_id)?,
        workflow: convert::optional_id("workflow_id", &request.workflow_id)?,
        job: convert::optional_id("job_id", &request.job_id)?,
        before: convert::place_of(scope, &request.page_token)?,
        visible: &ctx.visible("workflow.read")?,
        limit: i64::from(per_page) + 1,
    };
    let mut tx = app.db.begin(ctx).await?;
    let mut rows = store::schedule::list(&mut tx, ctx.tenant()?, &filter).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| scope.token(&row.id.to_string()));
    Ok(pb::ListSchedulesResponse {
        schedules: rows.into_iter().map(|row| shape::shown(row, Vec::new())).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// Changes a schedule.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `InvalidArgument`; `Aborted` a stale version.
pub async fn update(
    app: &App,
    ctx: &RequestContext,
    request: pb::UpdateScheduleRequest,
) -> Result<pb::UpdateScheduleResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let before = find_locked(&mut tx, ctx, &request.schedule_id).await?;
    if request.version.is_some_and(|version| i64::try_from(version) != Ok(before.version)) {
        return Err(Error::stale("schedule"));
    }
    let mut row = shape::changed(before.clone(), request)?;
    let same_times =
        (&row.cron, &row.time_zone, row.calendar_id) == (&before.cron, &before.time_zone, before.calendar_id);
    if !same_times {
        row.next_fire_at = next_of(&mut tx, &row, Utc::now()).await?;
    }
    let schedule = write(&mut tx, ctx, "schedule.update", row).await?;
    tx.commit().await?;
    Ok(pb::UpdateScheduleResponse { schedule: Some(schedule) })
}

/// Lets a schedule fire no more.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn pause(
    app: &App,
    ctx: &RequestContext,
    request: pb::PauseScheduleRequest,
) -> Result<pb::PauseScheduleResponse> {
    let schedule = set_paused(app, ctx, &request.schedule_id, true).await?;
    Ok(pb::PauseScheduleResponse { schedule: Some(schedule) })
}

/// Lets a schedule fire again, and catch up with what it missed.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn resume(
    app: &App,
    ctx: &RequestContext,
    request: pb::ResumeScheduleRequest,
) -> Result<pb::ResumeScheduleResponse> {
    let schedule = set_paused(app, ctx, &request.schedule_id, false).await?;
    Ok(pb::ResumeScheduleResponse { schedule: Some(schedule) })
}

async fn set_paused(app: &App, ctx: &RequestContext, id: &str, paused: bool) -> Result<pb::Schedule> {
    let mut tx = app.db.begin(ctx).await?;
    let row = find_locked(&mut tx, ctx, id).await?;
    let action = if paused { "schedule.pause" } else { "schedule.resume" };
    let schedule = write(&mut tx, ctx, action, Row { paused, ..row }).await?;
    tx.commit().await?;
    Ok(schedule)
}

/// Deletes a schedule; runs that it started stay.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteScheduleRequest,
) -> Result<pb::DeleteScheduleResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let row = find_locked(&mut tx, ctx, &request.schedule_id).await?;
    store::schedule::delete(&mut tx, row.tenant_id, row.id).await?;
    trinity_outbox::write(&mut tx, ctx, events::schedule("schedule.delete", &row)).await?;
    tx.commit().await?;
    Ok(pb::DeleteScheduleResponse {})
}

/// Lists what a schedule did at its fire times, newest first.
///
/// # Errors
/// `NotFound`; `InvalidArgument` a bad token.
pub async fn list_fires(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListFiresRequest,
) -> Result<pb::ListFiresResponse> {
    let id: ScheduleId = parse_id("schedule_id", &request.schedule_id)?;
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["fires", &request.schedule_id]);
    let before: Option<i64> = convert::place_of(scope, &request.page_token)?;
    let before = before.and_then(DateTime::from_timestamp_secs);
    let mut tx = app.db.begin(ctx).await?;
    let row = store::schedule::get(&mut tx, ctx.tenant()?, id).await?;
    require(ctx, "workflow.read", &row.target.path(), "schedule")?;
    let mut fires = store::fire::list(&mut tx, row.tenant_id, id, before, i64::from(per_page) + 1).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut fires, per_page, |fire| scope.token(&fire.fire_at.timestamp().to_string()));
    Ok(pb::ListFiresResponse {
        fires: fires.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// Shows the next fire times that a schedule would have.
///
/// # Errors
/// `InvalidArgument`; `NotFound` no such calendar.
pub async fn preview(
    app: &App,
    ctx: &RequestContext,
    request: pb::PreviewScheduleRequest,
) -> Result<pb::PreviewScheduleResponse> {
    let timetable = shape::timetable(&request.cron, &request.time_zone)?;
    let calendar = convert::optional_id("calendar_id", &request.calendar_id)?;
    let after = request.after.map_or_else(|| Ok(Utc::now()), shape::moment)?;
    let mut tx = app.db.begin(ctx).await?;
    let calendar = store::calendar::days_of(&mut tx, ctx.tenant()?, calendar).await?;
    tx.commit().await?;
    let fire_times = timetable.after(&calendar, after).take(SHOWN).map(convert::timestamp).collect();
    Ok(pb::PreviewScheduleResponse { fire_times })
}

/// A schedule that the caller may change, locked.
async fn find_locked(tx: &mut PgConnection, ctx: &RequestContext, id: &str) -> Result<Row> {
    let row = store::schedule::get_locked(tx, ctx.tenant()?, parse_id("schedule_id", id)?).await?;
    require(ctx, "workflow.execute", &row.target.path(), "schedule")?;
    Ok(row)
}

async fn write(tx: &mut PgConnection, ctx: &RequestContext, action: &'static str, row: Row) -> Result<pb::Schedule> {
    store::schedule::update(tx, &row).await?;
    trinity_outbox::write(tx, ctx, events::schedule(action, &row)).await?;
    let row = store::schedule::get(tx, row.tenant_id, row.id).await?;
    show(tx, row).await
}

/// When a schedule fires first after a moment.
///
/// # Errors
/// `InvalidArgument` when it never does; `NotFound` no such calendar.
async fn next_of(tx: &mut PgConnection, row: &Row, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let calendar = store::calendar::days_of(tx, row.tenant_id, row.calendar_id).await?;
    let next = shape::timetable(&row.cron, &row.time_zone)?.next(&calendar, after);
    next.map(Some).ok_or_else(|| Error::invalid("calendar_id", "leaves out every time at which it would fire"))
}

/// A schedule as people see it, with its next fire times unless it is paused.
async fn show(tx: &mut PgConnection, row: Row) -> Result<pb::Schedule> {
    let times = match (row.paused, row.next_fire_at) {
        (false, Some(next)) => {
            let calendar = store::calendar::days_of(tx, row.tenant_id, row.calendar_id).await?;
            let timetable: Timetable = shape::timetable(&row.cron, &row.time_zone)?;
            let rest: Vec<_> = timetable.after(&calendar, next).take(SHOWN - 1).collect();
            std::iter::once(next).chain(rest).collect()
        }
        _ => Vec::new(),
    };
    Ok(shape::shown(row, times))
}
