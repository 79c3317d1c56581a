//! What tenants have paid for.

use trinity_context::RequestContext;
use trinity_db::Tx;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use super::tenant::lock;
use crate::domain::{NewSubscription, Subscription};
use crate::events::{self, Subject};
use crate::store;
use crate::wiring::App;

/// Shows the subscription of the caller's tenant with its limits.
///
/// # Errors
/// `NotFound` when the tenant was erased.
pub async fn get(app: &App, ctx: &RequestContext) -> Result<pb::GetSubscriptionResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let subscription = get_in(&mut tx, ctx.tenant()?).await?;
    Ok(pb::GetSubscriptionResponse { subscription: Some(subscription.into()) })
}

/// Sets a tenant's plan, status and end. An end that has passed already lets it expire at once.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` for the tenant or the plan.
pub async fn set(
    app: &App,
    ctx: &RequestContext,
    request: pb::SetSubscriptionRequest,
) -> Result<pb::SetSubscriptionResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let new = NewSubscription::try_from(request)?;
    let ctx = ctx.for_tenant(id);
    let mut tx = app.db.begin(&ctx).await?;
    let tenant = lock(&mut tx, id).await?;
    let before = get_in(&mut tx, id).await?;
    if !store::plan::exists(&mut tx, &new.plan).await? {
        return Err(Error::not_found("plan"));
    }
    store::subscription::update(&mut tx, id, &new).await?;
    let after = get_in(&mut tx, id).await?;
    if after != before {
        let subject =
            Subject { action: "subscription.set", kind: "subscription", id: &id.to_string(), name: &tenant.name };
        trinity_outbox::write(&mut tx, &ctx, events::set(subject, Some(&before), Some(&after))?).await?;
    }
    tx.commit().await?;
    Ok(pb::SetSubscriptionResponse { subscription: Some(after.into()) })
}

async fn get_in(tx: &mut Tx, tenant: TenantId) -> Result<Subscription> {
    store::subscription::find(tx, tenant).await?.ok_or_else(|| Error::not_found("tenant"))
}
