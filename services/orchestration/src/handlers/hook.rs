//! Hooks: made, shown, changed, rotated, deleted.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_crypto::WebhookKey;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Result, parse_id};
use trinity_ids::HookId;
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use super::target::{locate, require};
use crate::convert::{self, hook as shape};
use crate::domain::address::Address;
use crate::events;
use crate::store;
use crate::store::hook::Row;
use crate::wiring::App;

/// Creates a hook; its address and its key are shown only now.
///
/// # Errors
/// `InvalidArgument`; `NotFound` no such workflow or job; `PermissionDenied`.
pub async fn create(app: &App, ctx: &RequestContext, request: pb::CreateHookRequest) -> Result<pb::CreateHookResponse> {
    let tenant = ctx.tenant()?;
    let target = locate(app, ctx, &request.workflow_id, &request.job_id).await?;
    let (address, key) = (Address::generate(tenant)?, WebhookKey::generate()?);
    let mut row = shape::new(ctx, target, &request)?;
    row.sealed_key = app.vault.seal(row.id, &key)?;
    let mut tx = app.db.begin(ctx).await?;
    store::hook::insert(&mut tx, tenant, &row, &address.secret.digest()).await?;
    trinity_outbox::write(&mut tx, ctx, events::hook("hook.create", &row)).await?;
    let row = store::hook::get(&mut tx, tenant, row.id).await?;
    tx.commit().await?;
    Ok(pb::CreateHookResponse { hook: Some(row.into()), path: shape::path(&address), secret: key.to_text() })
}

/// Shows a hook.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: pb::GetHookRequest) -> Result<pb::GetHookResponse> {
    let id: HookId = parse_id("hook_id", &request.hook_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let row = store::hook::get(&mut tx, ctx.tenant()?, id).await?;
    tx.commit().await?;
    require(ctx, "workflow.read", &row.target.path(), "hook")?;
    Ok(pb::GetHookResponse { hook: Some(row.into()) })
}

/// Lists hooks that the caller may see, newest first.
///
/// # Errors
/// `InvalidArgument` a bad filter or token.
pub async fn list(app: &App, ctx: &RequestContext, request: pb::ListHooksRequest) -> Result<pb::ListHooksResponse> {
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["hooks", &request.project_id]);
    let filter = store::hook::Filter {
        project: convert::optional_id("project_id", &request.project_id)?,
        before: convert::place_of(scope, &request.page_token)?,
        visible: &ctx.visible("workflow.read")?,
        limit: i64::from(per_page) + 1,
    };
    let mut tx = app.db.begin(ctx).await?;
    let mut rows = store::hook::list(&mut tx, ctx.tenant()?, &filter).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| scope.token(&row.id.to_string()));
    Ok(pb::ListHooksResponse {
        hooks: rows.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// Changes a hook.
///
/// # Errors
/// `NotFound`; `PermissionDenied`; `InvalidArgument`.
pub async fn update(app: &App, ctx: &RequestContext, request: pb::UpdateHookRequest) -> Result<pb::UpdateHookResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let row = shape::changed(find_locked(&mut tx, ctx, &request.hook_id).await?, &request)?;
    store::hook::update(&mut tx, ctx.tenant()?, &row).await?;
    trinity_outbox::write(&mut tx, ctx, events::hook("hook.update", &row)).await?;
    tx.commit().await?;
    Ok(pb::UpdateHookResponse { hook: Some(row.into()) })
}

/// Gives a hook a new address and a new key; the old ones are void at once.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn rotate(app: &App, ctx: &RequestContext, request: pb::RotateHookRequest) -> Result<pb::RotateHookResponse> {
    let tenant = ctx.tenant()?;
    let (address, key) = (Address::generate(tenant)?, WebhookKey::generate()?);
    let mut tx = app.db.begin(ctx).await?;
    let row = find_locked(&mut tx, ctx, &request.hook_id).await?;
    let sealed = app.vault.seal(row.id, &key)?;
    store::hook::rotate(&mut tx, tenant, row.id, &address.secret.digest(), &sealed).await?;
    trinity_outbox::write(&mut tx, ctx, events::hook("hook.rotate", &row)).await?;
    tx.commit().await?;
    Ok(pb::RotateHookResponse { path: shape::path(&address), secret: key.to_text() })
}

/// Deletes a hook; runs that it started stay.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub async fn delete(app: &App, ctx: &RequestContext, request: pb::DeleteHookRequest) -> Result<pb::DeleteHookResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let row = find_locked(&mut tx, ctx, &request.hook_id).await?;
    store::hook::delete(&mut tx, ctx.tenant()?, row.id).await?;
    trinity_outbox::write(&mut tx, ctx, events::hook("hook.delete", &row)).await?;
    tx.commit().await?;
    Ok(pb::DeleteHookResponse {})
}

/// A hook that the caller may change, locked.
async fn find_locked(tx: &mut PgConnection, ctx: &RequestContext, id: &str) -> Result<Row> {
    let row = store::hook::get_locked(tx, ctx.tenant()?, parse_id("hook_id", id)?).await?;
    require(ctx, "workflow.execute", &row.target.path(), "hook")?;
    Ok(row)
}
