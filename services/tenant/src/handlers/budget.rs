//! The budgets of the caller's tenant.

use trinity_context::RequestContext;
use trinity_db::Tx;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use super::tenant::lock;
use crate::domain::{Budget, Metric, NewBudget};
use crate::events::{self, Subject};
use crate::wiring::App;
use crate::{convert, store};

/// Sets how much of something the tenant means to use in a month. Alerts are given when use is counted next.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn set(app: &App, ctx: &RequestContext, request: pb::SetBudgetRequest) -> Result<pb::SetBudgetResponse> {
    let new = NewBudget::try_from(request)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    lock(&mut tx, tenant).await?;
    let before = find(&mut tx, tenant, new.metric).await?.map(|budget| budget.set);
    if before.as_ref() != Some(&new) {
        store::budget::upsert(&mut tx, tenant, &new).await?;
        let event = events::set(about("budget.set", new.metric), before.as_ref(), Some(&new))?;
        trinity_outbox::write(&mut tx, ctx, event).await?;
    }
    let budget = find(&mut tx, tenant, new.metric).await?.ok_or_else(|| Error::not_found("budget"))?;
    tx.commit().await?;
    Ok(pb::SetBudgetResponse { budget: Some(budget.into()) })
}

/// Lists the budgets of the caller's tenant with what is used this month and which alerts were given.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListBudgetsResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let budgets = store::budget::list(&mut tx, ctx.tenant()?).await?;
    Ok(pb::ListBudgetsResponse { budgets: budgets.into_iter().map(Into::into).collect() })
}

/// Deletes a budget with what it knows of its alerts.
///
/// # Errors
/// `InvalidArgument` naming `metric`; `NotFound`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteBudgetRequest,
) -> Result<pb::DeleteBudgetResponse> {
    let metric = convert::metric("metric", request.metric)?;
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    lock(&mut tx, tenant).await?;
    let before = find(&mut tx, tenant, metric).await?.ok_or_else(|| Error::not_found("budget"))?;
    store::budget::delete(&mut tx, tenant, metric).await?;
    let event = events::set(about("budget.delete", metric), Some(&before.set), None)?;
    trinity_outbox::write(&mut tx, ctx, event).await?;
    tx.commit().await?;
    Ok(pb::DeleteBudgetResponse {})
}

async fn find(tx: &mut Tx, tenant: TenantId, metric: Metric) -> Result<Option<Budget>> {
    Ok(store::budget::list(tx, tenant).await?.into_iter().find(|budget| budget.set.metric == metric))
}

fn about(action: &'static str, metric: Metric) -> Subject<'static> {
    Subject { action, kind: "budget", id: metric.as_str(), name: metric.as_str() }
}
