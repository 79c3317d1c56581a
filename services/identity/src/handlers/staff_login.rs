//! Signing in as staff, with the same care as users: see `login`.

use std::time::Duration;

use tokio::time::Instant;
use trinity_authz::STAFF_TOKEN_SECONDS;
use trinity_context::{Caller, RequestContext};
use trinity_error::{Code, Error, Result};
use trinity_ids::{SessionId, StaffId, TenantId};
use trinity_proto::identity as pb;

use super::address;
use super::login::{REFUSAL_FLOOR, client};
use crate::domain::Email;
use crate::store::staff::{self, Credential};
use crate::store::staff_session;
use crate::wiring::App;
use crate::{error, events};

/// How long a session lasts: as long as its only token.
const SESSION: Duration = Duration::from_secs(STAFF_TOKEN_SECONDS as u64);

/// Exchanges e-mail and password for a token.
///
/// # Errors
/// `InvalidArgument` for an empty field; `Unauthenticated` `INVALID_CREDENTIALS`; `ResourceExhausted`
/// `TOO_MANY_ATTEMPTS` from one address; `Unavailable` when too many sign in at once.
pub async fn login(app: &App, ctx: &RequestContext, request: pb::LoginStaffRequest) -> Result<pb::LoginStaffResponse> {
    let started = Instant::now();
    if request.email.trim().is_empty() {
        return Err(Error::required("email"));
    }
    if request.password.is_empty() {
        return Err(Error::required("password"));
    }
    let outcome = attempt(app, &ctx.for_tenant(TenantId::NIL), request).await;
    if outcome.as_ref().is_err_and(|error| error.code() == Code::Unauthenticated) {
        tokio::time::sleep_until(started + REFUSAL_FLOOR).await;
    }
    outcome
}

async fn attempt(app: &App, ctx: &RequestContext, request: pb::LoginStaffRequest) -> Result<pb::LoginStaffResponse> {
    address::admit(app, ctx).await?;
    let Ok(email) = Email::parse(&request.email) else {
        app.passwords.verify(request.password, None).await?;
        address::blame_alone(app, ctx).await?;
        return Err(error::invalid_credentials());
    };
    let mut tx = app.db.begin(ctx).await?;
    let credential = staff::find_credential(&mut tx, &email).await?;
    drop(tx);
    let hash = credential.as_ref().map(|credential| credential.password_hash.clone());
    let is_right = app.passwords.verify(request.password, hash).await?;
    settle(app, ctx, &email, credential, is_right).await
}

/// Decides a checked claim, in one transaction.
async fn settle(
    app: &App,
    ctx: &RequestContext,
    email: &Email,
    credential: Option<Credential>,
    is_right: bool,
) -> Result<pb::LoginStaffResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let member = match &credential {
        Some(credential) if is_right => staff::admit(&mut tx, credential).await?,
        _ => None,
    };
    let Some(member) = member else {
        let known = credential.map(|credential| credential.id);
        if let Some(id) = known {
            staff::count_failure(&mut tx, id).await?;
        }
        trinity_outbox::write(&mut tx, ctx, events::staff::login_refused(known, email)).await?;
        address::blame(&mut tx, ctx).await?;
        tx.commit().await?;
        return Err(error::invalid_credentials());
    };
    let session = staff_session::insert(&mut tx, member.id, client(ctx), SESSION).await?;
    trinity_outbox::write(&mut tx, ctx, events::staff::logged_in(&member, session)).await?;
    let access_token = app.keys.sign_staff(member.id, session, None, STAFF_TOKEN_SECONDS)?;
    tx.commit().await?;
    Ok(pb::LoginStaffResponse {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in: STAFF_TOKEN_SECONDS,
        staff: Some(member.into()),
    })
}

/// Ends the caller's session and every entry made in it.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn logout(app: &App, ctx: &RequestContext) -> Result<pb::LogoutStaffResponse> {
    let (member, session) = own(ctx)?;
    let ctx = ctx.for_tenant(TenantId::NIL);
    let mut tx = app.db.begin(&ctx).await?;
    if staff_session::revoke(&mut tx, member, session).await? {
        trinity_outbox::write(&mut tx, &ctx, events::staff::logged_out(session)).await?;
        tx.commit().await?;
    }
    Ok(pb::LogoutStaffResponse {})
}

/// The member of staff who calls, and his session.
pub(super) fn own(ctx: &RequestContext) -> Result<(StaffId, SessionId)> {
    match &ctx.caller {
        Caller::Staff { staff, session, entered: None } => Ok((*staff, *session)),
        _ => Err(Error::unauthenticated()),
    }
}
