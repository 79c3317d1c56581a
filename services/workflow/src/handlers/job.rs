//! Creating, reading, changing, deleting and restoring jobs.

use std::collections::HashMap;

use chrono::Utc;
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{JobId, ProjectId, WorkflowId};
use trinity_outbox as outbox;
use trinity_proto::workflow as pb;

use super::{permit, placement};
use crate::app::App;
use crate::domain::job::{self as rules, ChangeJob, Known, NewJob, Step};
use crate::store::job::{Filter, Row};
use crate::{convert, events, store};

/// Creates a job.
///
/// # Errors
/// `NotFound` no such project or folder to be seen; `PermissionDenied`; `InvalidArgument` naming the field, `JOB_INVALID` with every fault of the
/// steps; `AlreadyExists` `JOB_NAME_TAKEN`.
pub async fn create(app: &App, ctx: &RequestContext, request: pb::CreateJobRequest) -> Result<pb::CreateJobResponse> {
    let new = NewJob::try_from(request)?;
    let spot = permit::require_at(app, ctx, new.wanted, "workflow.update").await?;
    let owner = ctx.responsible()?;
    let mut tx = app.db.begin(ctx).await?;
    check_steps(&mut tx, ctx, spot.project, &new.steps, &[]).await?;
    let row = store::job::insert(&mut tx, ctx.tenant()?, &new, spot, owner).await?;
    store::job::replace_steps(&mut tx, ctx.tenant()?, row.id, &new.steps).await?;
    outbox::write(&mut tx, ctx, events::job(events::JOB_CREATE, None, (&row, &new.steps))).await?;
    tx.commit().await?;
    Ok(pb::CreateJobResponse { job: Some(convert::job::job(row, new.steps)) })
}

/// Shows a job with its steps.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetJobRequest) -> Result<pb::GetJobResponse> {
    let id: JobId = parse_id("job_id", &request.job_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = store::job::get(&mut tx, ctx.tenant()?, id).await?;
    ctx.require("workflow.read", &row.path(), "job")?;
    let steps = store::job::steps_of(&mut tx, ctx.tenant()?, id).await?;
    Ok(pb::GetJobResponse { job: Some(convert::job::job(row, steps)) })
}

/// Lists a project's or a folder's jobs that the caller may see, newest first.
///
/// # Errors
/// `NotFound` no such project or folder to be seen; `InvalidArgument` a bad page.
pub async fn list(app: &App, ctx: &RequestContext, request: pb::ListJobsRequest) -> Result<pb::ListJobsResponse> {
    let (project, folder, visible) = permit::require_list(app, ctx, &request.project_id, &request.folder_id).await?;
    let query = ["jobs", &request.project_id, &request.package, &request.folder_id];
    let page = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let package = (!request.package.is_empty()).then_some(request.package.as_str());
    let filter = Filter { project, folder, package, visible: &visible };
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let mut page = store::job::list(&mut tx, tenant, &filter, page).await?;
    if page.total == 0 && folder.is_none() && !store::job::has_any(&mut tx, tenant, &filter).await? {
        tx.commit().await?;
        // Why: only an empty list can be that of a project that does not exist, or that is not the caller's to see.
        let owner = permit::require_in_project(app, ctx, project, "workflow.read").await?;
        tx = app.db.begin(ctx).await?;
        if store::place::set_project_owner(&mut tx, tenant, project, owner).await? {
            page = store::job::list(&mut tx, tenant, &filter, page.request).await?;
        }
    }
    let ids: Vec<JobId> = page.items.iter().map(|row| row.id).collect();
    let mut steps: HashMap<JobId, Vec<Step>> = HashMap::new();
    for (job, step) in store::job::steps(&mut tx, tenant, &ids).await? {
        steps.entry(job).or_default().push(step);
    }
    tx.commit().await?;
    let info = convert::page_info(&page);
    let job = |row: Row| {
        let steps = steps.remove(&row.id).unwrap_or_default();
        convert::job::job(row, steps)
    };
    Ok(pb::ListJobsResponse { jobs: page.items.into_iter().map(job).collect(), page: Some(info) })
}

/// Changes a job; one that stays as it is keeps its version.
///
/// # Errors
/// As [`create`], and `Aborted` `VERSION_CONFLICT`.
pub async fn update(app: &App, ctx: &RequestContext, request: pb::UpdateJobRequest) -> Result<pb::UpdateJobResponse> {
    let change = ChangeJob::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::job::lock_live(&mut tx, tenant, change.job).await?;
    ctx.require("workflow.update", &before.path(), "job")?;
    if change.version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("job"));
    }
    let steps_before = store::job::steps_of(&mut tx, tenant, before.id).await?;
    let steps = change.steps.clone().unwrap_or_else(|| steps_before.clone());
    let mut row = changed(before.clone(), change);
    if row != before || steps != steps_before {
        if steps != steps_before {
            check_steps(&mut tx, ctx, row.project_id, &steps, &steps_before).await?;
            store::job::replace_steps(&mut tx, tenant, row.id, &steps).await?;
        }
        row.version += 1;
        row = store::job::update(&mut tx, tenant, &row).await?;
        let event = events::job(events::JOB_UPDATE, Some((&before, &steps_before)), (&row, &steps));
        outbox::write(&mut tx, ctx, event).await?;
    }
    tx.commit().await?;
    Ok(pb::UpdateJobResponse { job: Some(convert::job::job(row, steps)) })
}

fn changed(row: Row, change: ChangeJob) -> Row {
    Row {
        name: change.name.unwrap_or(row.name),
        description: change.description.unwrap_or(row.description),
        package: change.package.unwrap_or(row.package),
        notifications: change.notifications.unwrap_or(row.notifications),
        ..row
    }
}

/// Checks steps against the workflows that the caller sees in the project; those that the job has already may stay.
async fn check_steps(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    project: ProjectId,
    steps: &[Step],
    before: &[Step],
) -> Result<()> {
    let ids: Vec<WorkflowId> = steps.iter().map(|step| step.workflow).collect();
    let found = store::place::list_named(tx, ctx.tenant()?, project, &ids).await?;
    let may_stay = |id: WorkflowId| before.iter().any(|step| step.workflow == id);
    let seen = found.into_iter().filter(|named| {
        may_stay(named.place.id) || ctx.require("workflow.read", &named.place.path(), "workflow").is_ok()
    });
    let known = seen.map(|named| (named.place.id, Known { name: named.name, slug: named.slug })).collect();
    rules::check_known(steps, &known)
}

/// Hides a job.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn delete(app: &App, ctx: &RequestContext, request: pb::DeleteJobRequest) -> Result<pb::DeleteJobResponse> {
    let id: JobId = parse_id("job_id", &request.job_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::job::lock_live(&mut tx, tenant, id).await?;
    ctx.require("workflow.delete", &before.path(), "job")?;
    let row = store::job::update(&mut tx, tenant, &Row { deleted_at: Some(Utc::now()), ..before.clone() }).await?;
    let steps = store::job::steps_of(&mut tx, tenant, id).await?;
    let event = events::job(events::JOB_DELETE, Some((&before, &steps)), (&row, &steps));
    outbox::write(&mut tx, ctx, event).await?;
    tx.commit().await?;
    Ok(pb::DeleteJobResponse {})
}

/// Brings a deleted job back, out of every folder when its own has gone; one that is not deleted stays as it is.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `AlreadyExists` `JOB_NAME_TAKEN` when another took its name meanwhile.
pub async fn restore(
    app: &App,
    ctx: &RequestContext,
    request: pb::RestoreJobRequest,
) -> Result<pb::RestoreJobResponse> {
    let id: JobId = parse_id("job_id", &request.job_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let seen = store::job::lock(&mut tx, tenant, id).await?;
    ctx.require("workflow.delete", &seen.path(), "job")?;
    drop(tx);
    let folder_id = placement::folder_left(app, ctx, seen.folder_id.filter(|_| seen.deleted_at.is_some())).await?;
    let mut tx = app.db.begin(ctx).await?;
    let mut row = store::job::lock(&mut tx, tenant, id).await?;
    let steps = store::job::steps_of(&mut tx, tenant, id).await?;
    if row.deleted_at.is_some() {
        let before = row.clone();
        row = store::job::update(&mut tx, tenant, &Row { deleted_at: None, folder_id, ..row }).await?;
        let event = events::job(events::JOB_RESTORE, Some((&before, &steps)), (&row, &steps));
        outbox::write(&mut tx, ctx, event).await?;
    }
    tx.commit().await?;
    Ok(pb::RestoreJobResponse { job: Some(convert::job::job(row, steps)) })
}
