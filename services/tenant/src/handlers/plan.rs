//! Plans, which are the installation's: what is done to them stands in its own trail.

use trinity_context::RequestContext;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use crate::domain::Plan;
use crate::events::{self, Subject};
use crate::store;
use crate::wiring::App;

/// Lists the plans of the installation.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListPlansResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let plans = store::plan::list(&mut tx).await?;
    Ok(pb::ListPlansResponse { plans: plans.into_iter().map(Into::into).collect() })
}

/// Changes what a plan allows, at once for every tenant that has it.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`.
pub async fn set(app: &App, ctx: &RequestContext, request: pb::SetPlanRequest) -> Result<pb::SetPlanResponse> {
    let plan = Plan::try_from(request)?;
    let ctx = ctx.for_tenant(TenantId::NIL);
    let mut tx = app.db.begin(&ctx).await?;
    let before = store::plan::find_locked(&mut tx, &plan.slug).await?.ok_or_else(|| Error::not_found("plan"))?;
    if before != plan {
        store::plan::update(&mut tx, &plan).await?;
        let subject = Subject { action: "plan.set", kind: "plan", id: &plan.slug, name: &plan.name };
        trinity_outbox::write(&mut tx, &ctx, events::set(subject, Some(&before), Some(&plan))?).await?;
        tx.commit().await?;
    }
    Ok(pb::SetPlanResponse { plan: Some(plan.into()) })
}
