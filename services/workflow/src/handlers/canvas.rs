//! Saving a canvas: all of it, or nothing.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::{UserId, WorkflowId};
use trinity_outbox as outbox;
use trinity_proto::workflow as pb;

use super::calls;
use crate::app::App;
use crate::domain::fault::Fault;
use crate::domain::plan::Plan;
use crate::domain::validate::Checked;
use crate::domain::workflow::{SaveCanvas, slug_of};
use crate::registry::CanvasState;
use crate::store::version::NewVersion;
use crate::store::workflow::{NewWorkflow, Row};
use crate::{convert, error, events, store};

/// Saves a canvas as the newest version of a new or an existing workflow, and as its project's state.
///
/// What is saved again unchanged makes no version. Faults that a draft may have are answered, not refused.
///
/// # Errors
/// `NotFound` no such project or workflow to be seen; `PermissionDenied`; `InvalidArgument` `CANVAS_INVALID` with every fault; `Aborted`
/// `VERSION_CONFLICT`; `AlreadyExists` `SLUG_TAKEN`; `FailedPrecondition` `CHECKED_OUT` by someone else.
pub async fn save(app: &App, ctx: &RequestContext, request: pb::SaveCanvasRequest) -> Result<pb::SaveCanvasResponse> {
    let save = SaveCanvas::try_from(request)?;
    let (project_owner, checked) =
        tokio::join!(super::permit::require_save(app, ctx, &save), app.check(ctx, &save.canvas));
    let project_owner = project_owner?;
    let canvas = Sound::try_from(checked?)?;

    let mut tx = app.db.begin(ctx).await?;
    let saved = match save.workflow {
        None => create(&mut tx, ctx, &save, &canvas, project_owner).await?,
        Some(id) => change(&mut tx, ctx, id, &save, &canvas).await?,
    };
    let (before, row) = match saved {
        Saved::Unchanged { row, faults } => {
            let unknown = calls::unknown(&mut tx, ctx, row.project_id, &canvas.plan.calls).await?;
            return Ok(reply(row, canvas.document, faults, unknown));
        }
        Saved::Changed { before, row } => (before, row),
    };
    let revision = keep(&mut tx, ctx, &row, &save, &canvas).await?;
    let unknown = calls::unknown(&mut tx, ctx, row.project_id, &canvas.plan.calls).await?;
    outbox::write(&mut tx, ctx, events::change(events::SAVE, before.as_deref(), &row)).await?;
    tx.commit().await?;

    let state = CanvasState { project: row.project_id, canvas: canvas.document.clone(), revision };
    app.registry.apply_canvas_soon(ctx, ctx.tenant()?, state).await;
    Ok(reply(row, canvas.document, canvas.faults, unknown))
}

/// A canvas that can be saved.
struct Sound {
    document: String,
    hash: Vec<u8>,
    plan: Plan,
    /// Those that a draft may have.
    faults: Vec<Fault>,
    molecules_used: Vec<String>,
    atoms_used: Vec<String>,
}

impl TryFrom<Checked> for Sound {
    type Error = Error;

    fn try_from(checked: Checked) -> Result<Self> {
        let (molecules_used, atoms_used) = (checked.molecules_used(), checked.atoms_used());
        let Some(plan) = checked.plan else { return Err(error::canvas_invalid(&checked.faults)) };
        let hash = Sha256::digest(checked.document.as_bytes()).to_vec();
        Ok(Self { document: checked.document, hash, plan, faults: checked.faults, molecules_used, atoms_used })
    }
}

enum Saved {
    Changed { before: Option<Box<Row>>, row: Row },
    Unchanged { row: Row, faults: Vec<Fault> },
}

async fn create(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    save: &SaveCanvas,
    canvas: &Sound,
    project_owner: UserId,
) -> Result<Saved> {
    let (tenant, id) = (ctx.tenant()?, WorkflowId::new());
    let name = save.name.as_deref().unwrap_or_default();
    let slug = save.slug.clone().unwrap_or_else(|| slug_of(name, id));
    let new = NewWorkflow {
        id,
        project: save.project,
        folder: save.folder,
        name,
        slug: &slug,
        description: save.description.as_deref().unwrap_or_default(),
        molecules_used: &canvas.molecules_used,
        atoms_used: &canvas.atoms_used,
        owner: ctx.responsible()?,
        project_owner,
    };
    if let Some(row) = store::workflow::insert(tx, tenant, &new).await? {
        return Ok(Saved::Changed { before: None, row });
    }
    let Some(row) = store::workflow::find_by_slug(tx, tenant, save.project, &slug).await? else {
        // Why: the holder of the slug was deleted in between; the next try succeeds.
        return Err(Error::stale("workflow"));
    };
    // Why asked: who may save in a folder need not see what else the project has.
    if ctx.require("workflow.read", &row.path(), "workflow").is_err() {
        return Err(error::slug_taken(&slug, None));
    }
    let holder = row.id;
    unchanged(tx, ctx, row, save, canvas).await?.map_err(|_| error::slug_taken(&slug, Some(holder)))
}

async fn change(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    id: WorkflowId,
    save: &SaveCanvas,
    canvas: &Sound,
) -> Result<Saved> {
    let before = store::workflow::lock_live(tx, ctx.tenant()?, id).await?;
    if before.project_id != save.project {
        return Err(Error::not_found("workflow"));
    }
    let before = match unchanged(tx, ctx, before, save, canvas).await? {
        Ok(saved) => return Ok(saved),
        Err(before) => before,
    };
    super::check_out::allow_change(ctx, &before)?;
    calls::refuse_self(id, &canvas.plan.calls)?;
    if save.version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("workflow"));
    }
    let mut row = Row::clone(&before);
    row.name = save.name.clone().unwrap_or(row.name);
    row.slug = save.slug.clone().unwrap_or(row.slug);
    row.description = save.description.clone().unwrap_or(row.description);
    row.version += 1;
    row.molecules_used.clone_from(&canvas.molecules_used);
    row.atoms_used.clone_from(&canvas.atoms_used);
    let row = store::workflow::update(tx, ctx.tenant()?, &row).await?;
    Ok(Saved::Changed { before: Some(before), row })
}

/// The answer to a save that changes nothing, else the row again.
async fn unchanged(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    row: Row,
    save: &SaveCanvas,
    canvas: &Sound,
) -> Result<Result<Saved, Box<Row>>> {
    let same = |wanted: &Option<String>, now: &str| wanted.as_deref().is_none_or(|wanted| wanted == now);
    let stored = store::version::stored(tx, ctx.tenant()?, row.id, row.version).await?;
    let is_same = stored.canvas_hash == canvas.hash
        && same(&save.name, &row.name)
        && same(&save.slug, &row.slug)
        && same(&save.description, &row.description);
    if !is_same {
        return Ok(Err(Box::new(row)));
    }
    let faults = convert::stored_faults(&stored.faults)?;
    Ok(Ok(Saved::Unchanged { row, faults }))
}

/// Writes what hangs on a workflow's new version; gives the revision of the project's canvas.
async fn keep(
    tx: &mut PgConnection,
    ctx: &RequestContext,
    row: &Row,
    save: &SaveCanvas,
    canvas: &Sound,
) -> Result<i64> {
    let tenant = ctx.tenant()?;
    let version = NewVersion {
        workflow: row.id,
        version: row.version,
        canvas: &canvas.document,
        canvas_hash: &canvas.hash,
        plan: &serde_json::to_string(&canvas.plan).map_err(Error::internal)?,
        faults: &serde_json::to_string(&canvas.faults).map_err(Error::internal)?,
        comment: &save.comment,
        created_by: ctx.responsible()?,
    };
    store::version::insert(tx, tenant, &version).await?;
    store::atom::replace(tx, tenant, row.id, &canvas.plan).await?;
    store::canvas::set(tx, tenant, row.project_id, row.id, row.version).await
}

/// What other workflows the project lacks is told, and not kept: it may change without a save.
fn reply(row: Row, canvas: String, mut faults: Vec<Fault>, unknown: Vec<Fault>) -> pb::SaveCanvasResponse {
    faults.extend(unknown);
    pb::SaveCanvasResponse { workflow: Some(convert::workflow(row, Some(canvas))), faults: convert::faults(faults) }
}
