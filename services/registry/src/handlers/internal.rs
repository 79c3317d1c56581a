//! What other services ask of this one, each time for a tenant that they name.

use std::collections::BTreeMap;

use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{DatasetId, FolderId, TenantId};
use trinity_proto::registry as pb;

use crate::app::App;
use crate::domain::dataset::Output;
use crate::domain::document::Document;
use crate::store;

/// Answers whether a live project exists whose app the tenant may use, and who owns it.
///
/// # Errors
/// `InvalidArgument` bad id; `NotFound`.
pub(crate) async fn check_project(
    app: &App,
    ctx: &RequestContext,
    request: pb::CheckProjectRequest,
) -> Result<pb::CheckProjectResponse> {
    let tenant = parse_id("tenant_id", &request.tenant_id)?;
    let project = parse_id("project_id", &request.project_id)?;
    let found = store::place::find_hot(&app.db, &ctx.for_tenant(tenant), project).await?;
    let place = found.ok_or_else(|| Error::not_found("project"))?;
    if app.authenticator.standing(tenant).await?.allows_app(&place.app) {
        Ok(pb::CheckProjectResponse { owner_id: place.owner.to_string() })
    } else {
        Err(Error::not_found("project"))
    }
}

/// Says what contains a live folder of a live project whose app the tenant may use.
///
/// # Errors
/// `InvalidArgument` bad id; `NotFound`.
pub(crate) async fn locate_folder(
    app: &App,
    ctx: &RequestContext,
    request: pb::LocateFolderRequest,
) -> Result<pb::LocateFolderResponse> {
    let tenant = parse_id("tenant_id", &request.tenant_id)?;
    let id: FolderId = parse_id("folder_id", &request.folder_id)?;
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let found = store::folder::find(&mut tx, tenant, id).await?.ok_or_else(|| Error::not_found("folder"))?;
    let around = store::folder::around(&mut tx, tenant, id).await?;
    drop(tx);
    if !app.authenticator.standing(tenant).await?.allows_app(&found.place.app) {
        return Err(Error::not_found("folder"));
    }
    Ok(pb::LocateFolderResponse {
        project_id: found.place.project.into(),
        project_owner_id: found.place.owner.into(),
        parent_ids: around.into_iter().skip(1).map(String::from).collect(),
    })
}

/// Names all folders that are in some live folders, however deep.
///
/// # Errors
/// `InvalidArgument` bad tenant id.
pub(crate) async fn expand_folders(
    app: &App,
    ctx: &RequestContext,
    request: pb::ExpandFoldersRequest,
) -> Result<pb::ExpandFoldersResponse> {
    let tenant = parse_id("tenant_id", &request.tenant_id)?;
    let ids: Vec<FolderId> = request.folder_ids.iter().filter_map(|id| id.parse().ok()).collect();
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let expanded = store::folder::expand(&mut tx, tenant, &ids).await?;
    let folder = |(root, all): (FolderId, Vec<FolderId>)| pb::ExpandedFolder {
        folder_id: root.into(),
        contained_ids: all.into_iter().filter(|id| *id != root).map(String::from).collect(),
    };
    Ok(pb::ExpandFoldersResponse { folders: expanded.into_iter().map(folder).collect() })
}

/// Takes over a canvas that the workflow service has committed; an older one than what is there is ignored, and so is one
/// of a project that is not there.
///
/// # Errors
/// `InvalidArgument` bad field.
pub(crate) async fn apply_canvas_state(
    app: &App,
    ctx: &RequestContext,
    request: pb::ApplyCanvasStateRequest,
) -> Result<pb::ApplyCanvasStateResponse> {
    let tenant = parse_id("tenant_id", &request.tenant_id)?;
    let project = parse_id("project_id", &request.project_id)?;
    let state = Document::parse_handed_over("state", request.state.ok_or_else(|| Error::required("state"))?.text)?;
    let revision = i64::try_from(request.revision).map_err(|_| Error::invalid("revision", "is too large"))?;
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    if store::project::apply_state(&mut tx, tenant, project, &state, revision).await? {
        tx.commit().await?;
    }
    Ok(pb::ApplyCanvasStateResponse {})
}

/// Says where the files of some datasets of one project are.
///
/// # Errors
/// `InvalidArgument` bad tenant or project id.
pub(crate) async fn resolve_datasets(
    app: &App,
    ctx: &RequestContext,
    request: pb::ResolveDatasetsRequest,
) -> Result<pb::ResolveDatasetsResponse> {
    let tenant = parse_id("tenant_id", &request.tenant_id)?;
    let project = parse_id("project_id", &request.project_id)?;
    let ids: Vec<DatasetId> = request.dataset_ids.iter().filter_map(|id| id.parse().ok()).collect();
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let found = store::dataset::resolve(&mut tx, tenant, project, &ids).await?;
    Ok(pb::ResolveDatasetsResponse { files: found.into_iter().map(Into::into).collect() })
}

/// Records what tasks wrote. It counts as stored, but a tenant that stores too much by now loses no result: only uploads are
/// refused from then on.
///
/// # Errors
/// `InvalidArgument` bad field; then nothing is recorded.
pub(crate) async fn register_outputs(
    app: &App,
    ctx: &RequestContext,
    request: pb::RegisterOutputsRequest,
) -> Result<pb::RegisterOutputsResponse> {
    for (tenant, outputs) in by_tenant(request.outputs)? {
        let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
        let recorded = store::output::upsert(&mut tx, tenant, &outputs).await?;
        tx.commit().await?;
        if recorded < outputs.len() as u64 {
            tracing::info!(%tenant, given = outputs.len(), recorded, "some outputs were superseded or have no project");
        }
    }
    Ok(pb::RegisterOutputsResponse {})
}

/// Groups outputs by tenant; of one dataset the latest attempt stays, and of equal attempts the last one.
fn by_tenant(outputs: Vec<pb::Output>) -> Result<BTreeMap<TenantId, Vec<Output>>> {
    let mut tenants: BTreeMap<TenantId, BTreeMap<DatasetId, Output>> = BTreeMap::new();
    for (at, output) in outputs.into_iter().enumerate() {
        let tenant = parse_id(&format!("outputs[{at}].tenant_id"), &output.tenant_id)?;
        let output = Output::try_from((at, output))?;
        let known = tenants.entry(tenant).or_default();
        if known.get(&output.id).is_none_or(|before| before.attempt <= output.attempt) {
            known.insert(output.id, output);
        }
    }
    Ok(tenants.into_iter().map(|(tenant, outputs)| (tenant, outputs.into_values().collect())).collect())
}
