//! What tenants use.

use chrono::Utc;
use trinity_context::RequestContext;
use trinity_error::Result;
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use crate::domain::usage;
use crate::wiring::App;
use crate::{convert, events, store};

/// Shows what the caller's tenant used, by day.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn get(app: &App, ctx: &RequestContext, request: &pb::GetUsageRequest) -> Result<pb::GetUsageResponse> {
    let (first, last) = usage::range(&request.from, &request.to, Utc::now().date_naive())?;
    let mut tx = app.db.begin(ctx).await?;
    let days = store::usage::list(&mut tx, ctx.tenant()?, first, last).await?;
    Ok(pb::GetUsageResponse { days: days.into_iter().map(Into::into).collect() })
}

/// Adds what a service has counted, and gives the alerts of budgets that it reaches. The same batch twice counts once.
///
/// # Errors
/// `InvalidArgument` naming the field: then nothing is counted.
pub async fn record(
    app: &App,
    ctx: &RequestContext,
    request: pb::RecordUsageRequest,
) -> Result<pb::RecordUsageResponse> {
    let batch_id = convert::batch_id(&request.batch_id)?;
    let tally = usage::tally(convert::entries(request.entries)?);
    let (tenants, days): (Vec<TenantId>, Vec<_>) = tally.keys().copied().unzip();
    let mut tx = app.db.begin_system("record-usage").await?;
    if !store::usage::insert_batch(&mut tx, &batch_id).await? {
        return Ok(pb::RecordUsageResponse {});
    }
    // Why first: two batches that reach a percentage together, on two days of a month, must see each other.
    store::budget::lock(&mut tx, &tenants).await?;
    store::usage::add(&mut tx, &tally).await?;
    let alerts = store::alert::give(&mut tx, &tenants, &days).await?;
    if !alerts.is_empty() {
        let events = alerts.iter().map(|alert| Ok((alert.tenant, events::alert(alert)?))).collect::<Result<_>>()?;
        trinity_outbox::write_all(&mut tx, ctx, events).await?;
    }
    tx.commit().await?;
    Ok(pb::RecordUsageResponse {})
}
