//! Calendars: made, shown, changed with the schedules that follow them, deleted.

use chrono::Utc;
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::{Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::orchestration as pb;

use crate::convert::schedule as shape;
use crate::events;
use crate::store;
use crate::store::calendar::Row;
use crate::wiring::App;

/// Creates a calendar.
///
/// # Errors
/// `InvalidArgument`; `AlreadyExists` the name is taken.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateCalendarRequest,
) -> Result<pb::CreateCalendarResponse> {
    let row = shape::calendar(&request.name, request.holidays, &request.days_off)?;
    let mut tx = app.db.begin(ctx).await?;
    store::calendar::insert(&mut tx, ctx.tenant()?, &row).await?;
    trinity_outbox::write(&mut tx, ctx, events::calendar("calendar.create", &row)).await?;
    let row = store::calendar::get(&mut tx, ctx.tenant()?, row.id).await?;
    tx.commit().await?;
    Ok(pb::CreateCalendarResponse { calendar: Some(row.into()) })
}

/// Shows a calendar.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetCalendarRequest) -> Result<pb::GetCalendarResponse> {
    let id = parse_id("calendar_id", &request.calendar_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = store::calendar::get(&mut tx, ctx.tenant()?, id).await?;
    tx.commit().await?;
    Ok(pb::GetCalendarResponse { calendar: Some(row.into()) })
}

/// Lists the tenant's calendars by name.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListCalendarsResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let rows = store::calendar::list(&mut tx, ctx.tenant()?).await?;
    tx.commit().await?;
    Ok(pb::ListCalendarsResponse { calendars: rows.into_iter().map(Into::into).collect() })
}

/// Changes a calendar; schedules that follow it fire by it at once.
///
/// # Errors
/// `NotFound`; `InvalidArgument`; `AlreadyExists` the name is taken.
pub async fn update(
    app: &App,
    ctx: &RequestContext,
    request: pb::UpdateCalendarRequest,
) -> Result<pb::UpdateCalendarResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id("calendar_id", &request.calendar_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let row = shape::changed_calendar(store::calendar::get_locked(&mut tx, tenant, id).await?, request)?;
    store::calendar::update(&mut tx, tenant, &row).await?;
    follow(&mut tx, tenant, &row).await?;
    trinity_outbox::write(&mut tx, ctx, events::calendar("calendar.update", &row)).await?;
    let row = store::calendar::get(&mut tx, tenant, id).await?;
    tx.commit().await?;
    Ok(pb::UpdateCalendarResponse { calendar: Some(row.into()) })
}

/// Lets schedules follow a changed calendar. Those whose time has come already do when they fire.
async fn follow(tx: &mut PgConnection, tenant: TenantId, row: &Row) -> Result<()> {
    let (days, now) = (row.days()?, Utc::now());
    for schedule in store::schedule::list_following(tx, tenant, row.id).await? {
        let next = shape::timetable(&schedule.cron, &schedule.time_zone)?.next(&days, now);
        if next != schedule.next_fire_at {
            store::schedule::set_next(tx, tenant, schedule.id, next).await?;
        }
    }
    Ok(())
}

/// Deletes a calendar that no schedule follows.
///
/// # Errors
/// `NotFound`; `FailedPrecondition` `CALENDAR_IN_USE`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteCalendarRequest,
) -> Result<pb::DeleteCalendarResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id("calendar_id", &request.calendar_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let row = store::calendar::get_locked(&mut tx, tenant, id).await?;
    store::calendar::delete(&mut tx, tenant, id).await?;
    trinity_outbox::write(&mut tx, ctx, events::calendar("calendar.delete", &row)).await?;
    tx.commit().await?;
    Ok(pb::DeleteCalendarResponse {})
}
