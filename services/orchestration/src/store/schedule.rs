//! The table `schedules`.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use trinity_access::Visible;
use trinity_error::{Error, Result};
use trinity_ids::{CalendarId, JobId, ProjectId, RunId, ScheduleId, TenantId, UserId, WorkflowId};

use crate::store::target::{self, visible};

/// A row of `schedules`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Row {
    pub tenant_id: TenantId,
    pub id: ScheduleId,
    pub name: String,
    #[sqlx(flatten)]
    pub target: target::Columns,
    pub cron: String,
    pub time_zone: String,
    pub calendar_id: Option<CalendarId>,
    pub catch_up: String,
    pub overlap: String,
    pub paused: bool,
    pub context: String,
    pub priority: i32,
    pub next_fire_at: Option<DateTime<Utc>>,
    pub last_fire_at: Option<DateTime<Utc>>,
    pub last_run_id: Option<RunId>,
    pub created_by: UserId,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub version: i64,
}

macro_rules! columns {
    () => {
        "r.tenant_id, r.id, r.name, r.project_id, r.workflow_id, r.job_id, r.target_owner_id, r.project_owner_id, r.cron,
        r.time_zone, r.calendar_id, r.catch_up, r.overlap, r.paused, r.context::text AS context, r.priority,
        r.next_fire_at, r.last_fire_at, r.last_run_id, r.created_by, r.created_at, r.updated_at, r.version"
    };
}

/// Inserts a schedule; times and version are the table's.
pub async fn insert(tx: &mut PgConnection, row: &Row) -> Result<()> {
    sqlx::query(
        "INSERT INTO schedules (
            tenant_id, id, name, project_id, workflow_id, job_id, target_owner_id, project_owner_id, cron, time_zone,
            calendar_id, catch_up, overlap, paused, context, priority, next_fire_at, created_by
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::json, $16, $17, $18)",
    )
    .bind(row.tenant_id)
    .bind(row.id)
    .bind(&row.name)
    .bind(row.target.project_id)
    .bind(row.target.workflow_id)
    .bind(row.target.job_id)
    .bind(row.target.target_owner_id)
    .bind(row.target.project_owner_id)
    .bind(&row.cron)
    .bind(&row.time_zone)
    .bind(row.calendar_id)
    .bind(&row.catch_up)
    .bind(&row.overlap)
    .bind(row.paused)
    .bind(&row.context)
    .bind(row.priority)
    .bind(row.next_fire_at)
    .bind(row.created_by)
    .execute(tx)
    .await?;
    Ok(())
}

/// Replaces what people may change.
pub async fn update(tx: &mut PgConnection, row: &Row) -> Result<()> {
    sqlx::query(
        "UPDATE schedules
        SET name = $3, cron = $4, time_zone = $5, calendar_id = $6, catch_up = $7, overlap = $8, paused = $9,
            context = $10::json, priority = $11, next_fire_at = $12, updated_at = now(), version = version + 1
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(row.tenant_id)
    .bind(row.id)
    .bind(&row.name)
    .bind(&row.cron)
    .bind(&row.time_zone)
    .bind(row.calendar_id)
    .bind(&row.catch_up)
    .bind(&row.overlap)
    .bind(row.paused)
    .bind(&row.context)
    .bind(row.priority)
    .bind(row.next_fire_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// The schedule, or `NotFound`.
pub async fn get(tx: &mut PgConnection, tenant: TenantId, id: ScheduleId) -> Result<Row> {
    let row = sqlx::query_as(concat!("SELECT ", columns!(), " FROM schedules AS r WHERE tenant_id = $1 AND id = $2"));
    row.bind(tenant).bind(id).fetch_optional(tx).await?.ok_or_else(|| Error::not_found("schedule"))
}

/// The same, for a change: nobody changes it, and it does not fire, meanwhile.
pub async fn get_locked(tx: &mut PgConnection, tenant: TenantId, id: ScheduleId) -> Result<Row> {
    let statement =
        concat!("SELECT ", columns!(), " FROM schedules AS r WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE");
    let row = sqlx::query_as(statement).bind(tenant).bind(id);
    row.fetch_optional(tx).await?.ok_or_else(|| Error::not_found("schedule"))
}

/// Which schedules a list shows.
#[derive(Debug, Clone)]
pub struct Filter<'a> {
    pub project: Option<ProjectId>,
    pub workflow: Option<WorkflowId>,
    pub job: Option<JobId>,
    /// Only those made before this one.
    pub before: Option<ScheduleId>,
    /// Only those that the caller may see.
    pub visible: &'a Visible,
    pub limit: i64,
}

/// Schedules, newest first.
pub async fn list(tx: &mut PgConnection, tenant: TenantId, filter: &Filter<'_>) -> Result<Vec<Row>> {
    let statement = concat!(
        "SELECT ",
        columns!(),
        " FROM schedules AS r
        WHERE tenant_id = $1
            AND ($2::uuid IS NULL OR project_id = $2)
            AND ($3::uuid IS NULL OR workflow_id = $3)
            AND ($4::uuid IS NULL OR job_id = $4)
            AND ($5::uuid IS NULL OR id < $5)
            AND ",
        visible!("$7", "$8", "$9", "$10", "$11"),
        " ORDER BY id DESC LIMIT $6"
    );
    let rows = sqlx::query_as(statement)
        .bind(tenant)
        .bind(filter.project)
        .bind(filter.workflow)
        .bind(filter.job)
        .bind(filter.before)
        .bind(filter.limit)
        .bind(filter.visible.everything)
        .bind(filter.visible.owner)
        .bind(&filter.visible.projects)
        .bind(&filter.visible.jobs)
        .bind(&filter.visible.workflows)
        .fetch_all(tx)
        .await?;
    Ok(rows)
}

/// Schedules that follow a calendar and do not fire just now, locked in id order.
pub async fn list_following(tx: &mut PgConnection, tenant: TenantId, calendar: CalendarId) -> Result<Vec<Row>> {
    let statement = concat!(
        "SELECT ",
        columns!(),
        " FROM schedules AS r
        WHERE tenant_id = $1 AND calendar_id = $2 AND (next_fire_at IS NULL OR next_fire_at > now())
        ORDER BY id
        FOR NO KEY UPDATE"
    );
    Ok(sqlx::query_as(statement).bind(tenant).bind(calendar).fetch_all(tx).await?)
}

/// Sets when a schedule fires next.
pub async fn set_next(
    tx: &mut PgConnection,
    tenant: TenantId,
    id: ScheduleId,
    next: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query("UPDATE schedules SET next_fire_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(next)
        .execute(tx)
        .await?;
    Ok(())
}

/// Up to `limit` schedules of all tenants whose time has come, locked; another replica gets others. With the time.
pub async fn claim_due(tx: &mut PgConnection, limit: i64) -> Result<(Vec<Row>, DateTime<Utc>)> {
    let statement = concat!(
        "SELECT ",
        columns!(),
        " FROM schedules AS r
        WHERE NOT paused AND next_fire_at <= now()
        ORDER BY tenant_id, next_fire_at
        LIMIT $1
        FOR NO KEY UPDATE SKIP LOCKED"
    );
    let rows = sqlx::query_as(statement).bind(limit).fetch_all(&mut *tx).await?;
    let now = sqlx::query_scalar("SELECT now()").fetch_one(tx).await?;
    Ok((rows, now))
}

/// Notes what a schedule did, and when it fires next.
pub async fn fired(
    tx: &mut PgConnection,
    row: &Row,
    last_fire_at: Option<DateTime<Utc>>,
    last_run: Option<RunId>,
    next: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query(
        "UPDATE schedules
        SET last_fire_at = coalesce($3, last_fire_at), last_run_id = $4, next_fire_at = $5
        WHERE tenant_id = $1 AND id = $2",
    )
    .bind(row.tenant_id)
    .bind(row.id)
    .bind(last_fire_at)
    .bind(last_run)
    .bind(next)
    .execute(tx)
    .await?;
    Ok(())
}

/// Deletes a schedule with what is noted of its fire times, and the runs that still wait to be started for it.
pub async fn delete(tx: &mut PgConnection, tenant: TenantId, id: ScheduleId) -> Result<()> {
    sqlx::query("DELETE FROM starts WHERE tenant_id = $1 AND schedule_id = $2")
        .bind(tenant)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM schedules WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).execute(tx).await?;
    Ok(())
}
