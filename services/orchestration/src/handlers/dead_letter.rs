//! Tasks that failed in their last attempt: shown, replayed, discarded.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::TaskId;
use trinity_proto::common::{Json, PageInfo};
use trinity_proto::orchestration as pb;

use super::rerun;
use crate::convert::{self, DeadLetterPlace};
use crate::domain::file::File;
use crate::events;
use crate::store;
use crate::store::dead_letter::not_found;
use crate::wiring::App;

/// Lists tasks of runs that the caller may see which failed in their last attempt, newest run first.
///
/// # Errors
/// `InvalidArgument` a bad token.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListDeadLettersRequest,
) -> Result<pb::ListDeadLettersResponse> {
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["dead letters"]);
    let after: Option<DeadLetterPlace> = convert::place_of(scope, &request.page_token)?;
    let after = after.map(|place| (place.0, place.1));
    let (tenant, visible, limit) = (ctx.tenant()?, ctx.visible("run.read")?, i64::from(per_page) + 1);
    let mut tx = app.db.begin(ctx).await?;
    let mut rows = store::task::list_dead(&mut tx, tenant, after, &visible, limit).await?;
    tx.commit().await?;
    let next_page_token =
        convert::cut(&mut rows, per_page, |row| scope.token(&format!("{}.{}", row.run_id, row.ordinal)));
    Ok(pb::ListDeadLettersResponse {
        tasks: rows.into_iter().map(|row| convert::task(row, None)).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// Shows one with all that its last attempt was given.
///
/// # Errors
/// `NotFound`.
pub async fn get(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetDeadLetterRequest,
) -> Result<pb::GetDeadLetterResponse> {
    let (tenant, task): (_, TaskId) = (ctx.tenant()?, parse_id("task_id", &request.task_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let (letter, run) = find(&mut tx, ctx, task, "run.read").await?;
    let row = store::task::get(&mut tx, tenant, letter.run_id, letter.ordinal).await?;
    tx.commit().await?;
    let dead_letter = pb::DeadLetter {
        task: Some(convert::task(row, None)),
        workflow_id: run.workflow_id.map(String::from).unwrap_or_default(),
        project_id: run.project_id.to_string(),
        dataset_ids: dataset_ids(&letter),
        config: Some(Json::new(letter.config)),
        context: Some(Json::new(run.context)),
    };
    Ok(pb::GetDeadLetterResponse { dead_letter: Some(dead_letter) })
}

/// Starts a new run from the failed tasks of its run on, and takes these off the list.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `FailedPrecondition` `RUN_LIVE` its run has not ended; `ResourceExhausted`
/// `RUN_LIMIT_REACHED`.
pub async fn replay(
    app: &App,
    ctx: &RequestContext,
    request: pb::ReplayDeadLetterRequest,
) -> Result<pb::ReplayDeadLetterResponse> {
    let (tenant, task): (_, TaskId) = (ctx.tenant()?, parse_id("task_id", &request.task_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let (_, run) = find(&mut tx, ctx, task, "workflow.execute").await?;
    tx.commit().await?;
    if run.completed_at.is_none() {
        return Err(Error::new(Code::FailedPrecondition, "RUN_LIVE", "the run has not ended yet"));
    }
    rerun::require_target(app, ctx, &run).await?;

    let mut tx = app.db.begin(ctx).await?;
    let (id, settled) = rerun::write(&mut tx, ctx, &run).await?;
    // Why here: the run is locked, so that of two who replay at once one finds nothing.
    if !store::dead_letter::remove(&mut tx, tenant, task).await? {
        return Err(not_found());
    }
    store::dead_letter::remove_of_run(&mut tx, tenant, run.id).await?;
    trinity_outbox::write(
        &mut tx,
        ctx,
        events::dead_letter("dead_letter.replay", &request.task_id, &run.id.to_string()),
    )
    .await?;
    tx.commit().await?;
    app.teller.tell(settled).await;
    Ok(pb::ReplayDeadLetterResponse { run_id: id.to_string() })
}

/// Takes one off the list.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn discard(
    app: &App,
    ctx: &RequestContext,
    request: pb::DiscardDeadLetterRequest,
) -> Result<pb::DiscardDeadLetterResponse> {
    let (tenant, task): (_, TaskId) = (ctx.tenant()?, parse_id("task_id", &request.task_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let (letter, _) = find(&mut tx, ctx, task, "run.control").await?;
    if !store::dead_letter::remove(&mut tx, tenant, task).await? {
        return Err(not_found());
    }
    let event = events::dead_letter("dead_letter.discard", &request.task_id, &letter.run_id.to_string());
    trinity_outbox::write(&mut tx, ctx, event).await?;
    tx.commit().await?;
    Ok(pb::DiscardDeadLetterResponse {})
}

/// Finds a dead letter with whose run the caller may do `permission`.
async fn find(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    task: TaskId,
    permission: &str,
) -> Result<(store::dead_letter::Row, store::run::Row)> {
    let tenant = ctx.tenant()?;
    let letter = store::dead_letter::get(tx, tenant, task).await?;
    let found = super::run::find(tx, ctx, letter.run_id, permission).await;
    // Why: it answers as one that is not there, not as a run that is not there.
    let run = found.map_err(|error| if error.code() == Code::NotFound { not_found() } else { error })?;
    Ok((letter, run))
}

/// The datasets that it read: through its edges, then by its config.
fn dataset_ids(letter: &store::dead_letter::Row) -> Vec<String> {
    let files = |text: &str| serde_json::from_str::<Vec<File>>(text).unwrap_or_default();
    let inputs = letter.inputs.as_deref().map(files).unwrap_or_default();
    let read = inputs.into_iter().filter_map(|file| file.source).map(|source| source.dataset_id);
    read.chain(files(&letter.datasets).into_iter().map(|file| file.dataset_id)).collect()
}
