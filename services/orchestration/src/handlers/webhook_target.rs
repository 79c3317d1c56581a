//! Addresses of other systems that workflows may notify.

use chrono::DateTime;
use trinity_context::RequestContext;
use trinity_crypto::WebhookKey;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{DeliveryId, WebhookTargetId};
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use crate::convert;
use crate::events;
use crate::store;
use crate::store::webhook_target::Row;
use crate::wiring::App;

const MAX_URL_BYTES: usize = 2_000;

/// Creates an address; its key is shown only now.
///
/// # Errors
/// `InvalidArgument` also for an address that may not be called; `AlreadyExists` the name is taken.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateWebhookTargetRequest,
) -> Result<pb::CreateWebhookTargetResponse> {
    let (tenant, key) = (ctx.tenant()?, WebhookKey::generate()?);
    let row = Row {
        id: WebhookTargetId::new(),
        name: convert::name("name", &request.name)?,
        url: url(app, &request.url)?,
        created_at: DateTime::UNIX_EPOCH,
    };
    let sealed = app.vault.seal(row.id, &key)?;
    let mut tx = app.db.begin(ctx).await?;
    store::webhook_target::insert(&mut tx, tenant, &row, &sealed, ctx.responsible()?).await?;
    trinity_outbox::write(&mut tx, ctx, events::webhook_target("webhook_target.create", &row)).await?;
    let row = store::webhook_target::get(&mut tx, tenant, row.id).await?;
    tx.commit().await?;
    Ok(pb::CreateWebhookTargetResponse { target: Some(row.into()), secret: key.to_text() })
}

fn url(app: &App, text: &str) -> Result<String> {
    if text.is_empty() {
        return Err(Error::required("url"));
    }
    if text.len() > MAX_URL_BYTES {
        return Err(Error::invalid("url", "is longer than 2,000 bytes"));
    }
    let url = app.egress.check(text).map_err(|error| Error::invalid("url", format!("is refused: {error}")))?;
    Ok(url.into())
}

/// Lists the tenant's addresses by name.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListWebhookTargetsResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let rows = store::webhook_target::list(&mut tx, ctx.tenant()?).await?;
    tx.commit().await?;
    Ok(pb::ListWebhookTargetsResponse { targets: rows.into_iter().map(Into::into).collect() })
}

/// Deletes an address; what was not delivered there is dropped.
///
/// # Errors
/// `NotFound`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: pb::DeleteWebhookTargetRequest,
) -> Result<pb::DeleteWebhookTargetResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id("target_id", &request.target_id)?);
    let mut tx = app.db.begin(ctx).await?;
    let row = store::webhook_target::get(&mut tx, tenant, id).await?;
    if !store::webhook_target::delete(&mut tx, tenant, id).await? {
        return Err(Error::not_found("webhook target"));
    }
    trinity_outbox::write(&mut tx, ctx, events::webhook_target("webhook_target.delete", &row)).await?;
    tx.commit().await?;
    Ok(pb::DeleteWebhookTargetResponse {})
}

/// Lists what was sent to an address, newest first.
///
/// # Errors
/// `NotFound`; `InvalidArgument` a bad token.
pub async fn list_deliveries(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListWebhookDeliveriesRequest,
) -> Result<pb::ListWebhookDeliveriesResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id("target_id", &request.target_id)?);
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["deliveries", &request.target_id]);
    let before: Option<DeliveryId> = convert::place_of(scope, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    store::webhook_target::get(&mut tx, tenant, id).await?;
    let mut rows = store::delivery::list(&mut tx, tenant, id, before, i64::from(per_page) + 1).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| scope.token(&row.id.to_string()));
    Ok(pb::ListWebhookDeliveriesResponse {
        deliveries: rows.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}
