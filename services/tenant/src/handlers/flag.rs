//! Feature flags: a default for the installation, and values of single tenants.

use serde::Serialize;
use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use super::tenant::lock;
use crate::domain::{FlagDefault, flag};
use crate::events::{self, Subject};
use crate::store;
use crate::wiring::App;

/// A tenant's own value as the audit trail shows it.
#[derive(Serialize)]
struct Document {
    enabled: bool,
}

/// Lists the feature flags as the caller's tenant has them.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListFlagsResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let flags = store::flag::list(&mut tx, ctx.tenant()?).await?;
    Ok(pb::ListFlagsResponse { flags: flags.into_iter().map(Into::into).collect() })
}

/// Makes a flag or changes its default; told of in the installation's own trail.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn set_default(
    app: &App,
    ctx: &RequestContext,
    request: &pb::SetFlagDefaultRequest,
) -> Result<pb::SetFlagDefaultResponse> {
    let flag = FlagDefault::new(&request.name, request.enabled, &request.description)?;
    let ctx = ctx.for_tenant(TenantId::NIL);
    let mut tx = app.db.begin(&ctx).await?;
    let before = store::flag::find_default_locked(&mut tx, &flag.name).await?;
    if before.as_ref() != Some(&flag) {
        store::flag::upsert_default(&mut tx, &flag).await?;
        let subject = Subject { action: "flag.set_default", kind: "flag", id: &flag.name, name: &flag.name };
        trinity_outbox::write(&mut tx, &ctx, events::set(subject, before.as_ref(), Some(&flag))?).await?;
        tx.commit().await?;
    }
    Ok(pb::SetFlagDefaultResponse {})
}

/// Switches a flag for one tenant; without a value the default holds again.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` for the tenant or the flag.
pub async fn set_own(
    app: &App,
    ctx: &RequestContext,
    request: &pb::SetTenantFlagRequest,
) -> Result<pb::SetTenantFlagResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let name = flag::name(&request.name)?;
    let ctx = ctx.for_tenant(id);
    let mut tx = app.db.begin(&ctx).await?;
    lock(&mut tx, id).await?;
    if !store::flag::exists(&mut tx, &name).await? {
        return Err(Error::not_found("flag"));
    }
    let before = store::flag::find_own(&mut tx, id, &name).await?;
    if before != request.enabled {
        match request.enabled {
            Some(enabled) => store::flag::upsert_own(&mut tx, id, &name, enabled).await?,
            None => store::flag::delete_own(&mut tx, id, &name).await?,
        }
        let document = |value: Option<bool>| value.map(|enabled| Document { enabled });
        let (before, after) = (document(before), document(request.enabled));
        let subject = Subject { action: "flag.set", kind: "flag", id: &name, name: &name };
        trinity_outbox::write(&mut tx, &ctx, events::set(subject, before.as_ref(), after.as_ref())?).await?;
        tx.commit().await?;
    }
    Ok(pb::SetTenantFlagResponse {})
}
