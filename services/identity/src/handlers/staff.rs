//! Operators of the installation. What they do stands in the installation's own trail.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{StaffId, TenantId};
use trinity_proto::identity as pb;

use crate::domain::{Email, Staff, full_name, password};
use crate::wiring::App;
use crate::{error, events, store};

/// A member of staff who is to be made.
pub(crate) struct NewStaff {
    pub email: Email,
    pub full_name: String,
}

impl NewStaff {
    /// Checks him and his password.
    ///
    /// # Errors
    /// `InvalidArgument` naming the field.
    pub fn parse(email: &str, name: &str, password: &str) -> Result<Self> {
        let email = Email::parse(email)?;
        password::check(password, &email)?;
        Ok(Self { email, full_name: full_name(name)? })
    }

    /// Adds him and announces it, in the transaction of the installation.
    ///
    /// # Errors
    /// `AlreadyExists` `EMAIL_TAKEN`.
    pub async fn insert(&self, tx: &mut PgConnection, ctx: &RequestContext, hash: &str) -> Result<Staff> {
        let staff = store::staff::insert(tx, &self.email, &self.full_name, hash).await?;
        trinity_outbox::write(tx, ctx, events::staff::created(&staff)).await?;
        Ok(staff)
    }
}

/// Adds a member of staff.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `EMAIL_TAKEN`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: pb::CreateStaffRequest,
) -> Result<pb::CreateStaffResponse> {
    let new = NewStaff::parse(&request.email, &request.full_name, &request.password)?;
    let hash = app.passwords.hash(request.password).await?;
    let ctx = ctx.for_tenant(TenantId::NIL);
    let mut tx = app.db.begin(&ctx).await?;
    let staff = new.insert(&mut tx, &ctx, &hash).await?;
    tx.commit().await?;
    Ok(pb::CreateStaffResponse { staff: Some(staff.into()) })
}

/// Lists staff by e-mail.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext) -> Result<pb::ListStaffResponse> {
    let mut tx = app.db.begin(&ctx.for_tenant(TenantId::NIL)).await?;
    let staff = store::staff::list(&mut tx).await?;
    Ok(pb::ListStaffResponse { staff: staff.into_iter().map(Into::into).collect() })
}

/// Makes a member of staff inactive; with him go his sessions and entries.
///
/// # Errors
/// `NotFound`; `FailedPrecondition` `LAST_STAFF`.
pub async fn deactivate(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeactivateStaffRequest,
) -> Result<pb::DeactivateStaffResponse> {
    let id: StaffId = parse_id("staff_id", &request.staff_id)?;
    let ctx = ctx.for_tenant(TenantId::NIL);
    let mut tx = app.db.begin(&ctx).await?;
    if store::staff::lock_active(&mut tx).await? == [id] {
        return Err(error::last_staff());
    }
    let staff = store::staff::deactivate(&mut tx, id).await?.ok_or_else(|| Error::not_found("staff"))?;
    trinity_outbox::write(&mut tx, &ctx, events::staff::deactivated(&staff)).await?;
    tx.commit().await?;
    Ok(pb::DeactivateStaffResponse { staff: Some(staff.into()) })
}
