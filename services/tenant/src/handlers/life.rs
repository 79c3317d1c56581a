//! Suspension, and erasure as far as it goes: a tenant is shut at once and, after a grace period, for good. Its data
//! stays: removing it from every service is not built.

use chrono::{Days, Utc};
use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::tenant as pb;

use super::tenant::{get_in, lock};
use crate::domain::{Life, Status, Tenant, text};
use crate::wiring::App;
use crate::{error, events, store};

/// How long a reason may be, in characters.
const MAX_REASON_CHARS: usize = 500;
const DEFAULT_GRACE_DAYS: u32 = 30;
const MAX_GRACE_DAYS: u32 = 365;

/// Suspends a tenant. A tenant that is suspended already stays as it is.
///
/// # Errors
/// `InvalidArgument` for a reason that is too long; `NotFound`.
pub async fn suspend(
    app: &App,
    ctx: &RequestContext,
    request: pb::SuspendTenantRequest,
) -> Result<pb::SuspendTenantResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let reason = text("reason", &request.reason, MAX_REASON_CHARS)?;
    let tenant = turn(app, ctx, id, "tenant.suspend", |tenant| match tenant.status {
        Status::Active => Ok(Some(Life { status: Status::Suspended, reason, erase_after: None })),
        Status::Suspended | Status::Erasing => Ok(None),
    });
    Ok(pb::SuspendTenantResponse { tenant: Some(tenant.await?.into()) })
}

/// Lets a suspended tenant in again. A tenant that is active already stays as it is.
///
/// # Errors
/// `NotFound`; `FailedPrecondition` `ERASURE_REQUESTED` or `ERASURE_DUE`.
pub async fn resume(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ResumeTenantRequest,
) -> Result<pb::ResumeTenantResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let tenant = turn(app, ctx, id, "tenant.resume", |tenant| match tenant.status {
        Status::Active => Ok(None),
        _ if is_due(tenant) => Err(error::erasure_due()),
        _ if tenant.erase_after.is_some() => Err(error::erasure_requested()),
        _ => Ok(Some(Life { status: Status::Active, reason: String::new(), erase_after: None })),
    });
    Ok(pb::ResumeTenantResponse { tenant: Some(tenant.await?.into()) })
}

/// Suspends a tenant with a day after which it cannot be had back.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`; `FailedPrecondition` `ERASURE_REQUESTED` when it is asked for already.
pub async fn request_erasure(
    app: &App,
    ctx: &RequestContext,
    request: pb::RequestErasureRequest,
) -> Result<pb::RequestErasureResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let reason = text("reason", &request.reason, MAX_REASON_CHARS)?;
    if reason.is_empty() {
        return Err(Error::required("reason"));
    }
    let days = match request.grace_days {
        0 => DEFAULT_GRACE_DAYS,
        days @ 1..=MAX_GRACE_DAYS => days,
        _ => return Err(Error::invalid("grace_days", format!("is at most {MAX_GRACE_DAYS}"))),
    };
    let erase_after = Utc::now().checked_add_days(Days::new(days.into()));
    let tenant = turn(app, ctx, id, "tenant.request_erasure", |tenant| match tenant.erase_after {
        Some(_) => Err(error::erasure_requested()),
        None => Ok(Some(Life { status: Status::Suspended, reason, erase_after })),
    });
    Ok(pb::RequestErasureResponse { tenant: Some(tenant.await?.into()) })
}

/// Takes a request for erasure back; the tenant stays suspended.
///
/// # Errors
/// `NotFound`; `FailedPrecondition` `NO_ERASURE_REQUESTED`, or `ERASURE_DUE` when the grace period has passed.
pub async fn cancel_erasure(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CancelErasureRequest,
) -> Result<pb::CancelErasureResponse> {
    let id = parse_id("tenant_id", &request.tenant_id)?;
    let tenant = turn(app, ctx, id, "tenant.cancel_erasure", |tenant| match tenant.erase_after {
        None => Err(error::no_erasure_requested()),
        Some(_) if is_due(tenant) => Err(error::erasure_due()),
        Some(_) => {
            Ok(Some(Life { status: Status::Suspended, reason: tenant.suspended_reason.clone(), erase_after: None }))
        }
    });
    Ok(pb::CancelErasureResponse { tenant: Some(tenant.await?.into()) })
}

/// Whether the grace period has passed, be it that the job has marked it yet or not.
fn is_due(tenant: &Tenant) -> bool {
    tenant.erase_after.is_some_and(|after| after <= Utc::now())
}

/// Moves a tenant to where `next` says, and announces it; `None` leaves it as it is.
async fn turn(
    app: &App,
    ctx: &RequestContext,
    id: TenantId,
    action: &'static str,
    next: impl FnOnce(&Tenant) -> Result<Option<Life>>,
) -> Result<Tenant> {
    let ctx = ctx.for_tenant(id);
    let mut tx = app.db.begin(&ctx).await?;
    let before = lock(&mut tx, id).await?;
    let Some(life) = next(&before)? else { return Ok(before) };
    store::tenant::set_life(&mut tx, id, &life).await?;
    let after = get_in(&mut tx, id).await?;
    trinity_outbox::write(&mut tx, &ctx, events::changed(action, &before, &after)?).await?;
    tx.commit().await?;
    Ok(after)
}
