//! Datasets: everything but moving their bytes.

use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_outbox as outbox;
use trinity_proto::registry as pb;

use crate::app::App;
use crate::convert::{columns, page_info};
use crate::handlers::access;
use crate::store::dataset::Placed;
use crate::{events, store};

/// Finds a dataset that the caller may read.
///
/// # Errors
/// `InvalidArgument` bad id; `NotFound`.
pub(super) async fn find(app: &App, ctx: &RequestContext, dataset_id: &str) -> Result<Placed> {
    let id = parse_id("dataset_id", dataset_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let found = store::dataset::find(&mut tx, ctx.tenant()?, id).await?.ok_or_else(|| Error::not_found("dataset"))?;
    access::require(ctx, "dataset.read", "dataset", &found.place)?;
    Ok(found)
}

/// Shows a dataset.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn get(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetDatasetRequest,
) -> Result<pb::GetDatasetResponse> {
    let Placed { dataset, .. } = find(app, ctx, &request.dataset_id).await?;
    Ok(pb::GetDatasetResponse { dataset: Some(dataset.into()) })
}

/// Shows the columns alone.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn get_schema(
    app: &App,
    ctx: &RequestContext,
    request: pb::GetDatasetSchemaRequest,
) -> Result<pb::GetDatasetSchemaResponse> {
    let Placed { dataset, .. } = find(app, ctx, &request.dataset_id).await?;
    Ok(pb::GetDatasetSchemaResponse { columns: columns(dataset.columns) })
}

/// Lists the datasets of a project, newest first.
///
/// # Errors
/// `InvalidArgument` bad id or paging; `NotFound` no such project; `PermissionDenied`.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListDatasetsRequest,
) -> Result<pb::ListDatasetsResponse> {
    let project = parse_id("project_id", &request.project_id)?;
    let run = if request.run_id.is_empty() { None } else { Some(parse_id("run_id", &request.run_id)?) };
    let query = ["datasets", &request.project_id, &request.run_id];
    let asked = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let place = store::place::find(&mut tx, tenant, project).await?.ok_or_else(|| Error::not_found("project"))?;
    access::require(ctx, "dataset.read", "project", &place)?;
    let page = store::dataset::list(&mut tx, tenant, project, run, asked).await?;
    let info = page_info(&page);
    Ok(pb::ListDatasetsResponse { datasets: page.items.into_iter().map(Into::into).collect(), page: Some(info) })
}

/// Deletes a dataset, then its file.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub(crate) async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteDatasetRequest,
) -> Result<pb::DeleteDatasetResponse> {
    let id = parse_id("dataset_id", &request.dataset_id)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let found = store::dataset::find(&mut tx, tenant, id).await?.ok_or_else(|| Error::not_found("dataset"))?;
    access::require(ctx, "dataset.delete", "dataset", &found.place)?;
    let deleted = store::dataset::delete(&mut tx, tenant, id).await?.ok_or_else(|| Error::not_found("dataset"))?;
    let shared = store::dataset::file_is_used(&mut tx, tenant, &deleted.storage_key).await?;
    outbox::write(&mut tx, ctx, events::dataset_deleted(&deleted)).await?;
    tx.commit().await?;
    if !shared && let Err(error) = app.storage.delete(&deleted.storage_key).await {
        // Why no error: the dataset is gone; what stays is a file that nothing points to.
        tracing::warn!(key = deleted.storage_key, %error, "a deleted dataset's file stays");
    }
    Ok(pb::DeleteDatasetResponse {})
}
