//! Signing in.
//!
//! Invariant: whoever has not proven who he is learns nothing: unknown tenant, unknown user, wrong password, inactive and
//! locked account get the same answer, after the same work, at the same time.

use std::time::Duration;

use tokio::time::Instant;
use trinity_authz::ACCESS_TOKEN_SECONDS;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_ids::SessionId;
use trinity_proto::identity as pb;
use trinity_proto::tenant::{ResolveTenantRequest, Tenant, TenantStatus};

use crate::domain::{Email, RefreshToken, User};
use crate::store::credential::{self, Credential};
use crate::store::session::{self, Client};
use crate::wiring::App;
use crate::{error, events};

/// A refusal is never sooner: what the database does for one kind of refusal and not for another takes far less.
pub(super) const REFUSAL_FLOOR: Duration = Duration::from_millis(250);

/// Somebody who says who he is.
struct Claim {
    email: Email,
    credential: Option<Credential>,
    is_right: bool,
}

/// Exchanges e-mail and password for tokens.
///
/// # Errors
/// `InvalidArgument` for an empty field; `Unauthenticated` `INVALID_CREDENTIALS`; `PermissionDenied`
/// `TENANT_SUSPENDED` after right credentials alone; `Unavailable` when too many sign in at once.
pub async fn login(app: &App, ctx: &RequestContext, request: pb::LoginRequest) -> Result<pb::LoginResponse> {
    let started = Instant::now();
    if request.email.trim().is_empty() {
        return Err(Error::required("email"));
    }
    if request.password.is_empty() {
        return Err(Error::required("password"));
    }
    let outcome = attempt(app, ctx, request).await;
    if outcome.as_ref().is_err_and(|error| error.code() == Code::Unauthenticated) {
        tokio::time::sleep_until(started + REFUSAL_FLOOR).await;
    }
    outcome
}

async fn attempt(app: &App, ctx: &RequestContext, request: pb::LoginRequest) -> Result<pb::LoginResponse> {
    let email = Email::parse(&request.email).ok();
    let tenant = resolve(app, ctx, &request.tenant).await?;
    let (Some(email), Some(tenant)) = (email, tenant) else {
        app.passwords.verify(request.password, None).await?;
        return Err(error::invalid_credentials());
    };
    let ctx = ctx.for_tenant(tenant.id.parse().map_err(Error::internal)?);
    let credential = credential::find(&app.db, &ctx, &email).await?;
    let hash = credential.as_ref().map(|credential| credential.password_hash.clone());
    let is_right = app.passwords.verify(request.password, hash).await?;
    let suspended = tenant.status() != TenantStatus::Active;
    settle(app, &ctx, Claim { email, credential, is_right }, suspended).await
}

/// Ends a login with the second factor.
///
/// # Errors
/// `Unauthenticated` `INVALID_CREDENTIALS`.
pub async fn verify_mfa(_: &App, _: &RequestContext, _: &pb::VerifyMfaRequest) -> Result<pb::VerifyMfaResponse> {
    // Nobody has a second factor yet, so no token asks for one.
    Err(error::invalid_credentials())
}

/// Decides a checked claim, in one transaction.
async fn settle(app: &App, ctx: &RequestContext, claim: Claim, suspended: bool) -> Result<pb::LoginResponse> {
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let user = match &claim.credential {
        Some(credential) if claim.is_right => credential::admit(&mut tx, tenant, credential, !suspended).await?,
        _ => None,
    };
    let known = claim.credential.as_ref().map(|credential| credential.id);
    let Some(user) = user else {
        if let Some(id) = known {
            credential::count_failure(&mut tx, tenant, id).await?;
        }
        trinity_outbox::write(&mut tx, ctx, events::login_refused(known, &claim.email, "UNAUTHENTICATED")).await?;
        tx.commit().await?;
        return Err(error::invalid_credentials());
    };
    if suspended {
        trinity_outbox::write(&mut tx, ctx, events::login_refused(known, &claim.email, "TENANT_SUSPENDED")).await?;
        tx.commit().await?;
        return Err(error::tenant_suspended());
    }

    let token = RefreshToken::first(tenant, SessionId::new())?;
    session::insert(&mut tx, &token, user.id, client(ctx), app.session_lifetime).await?;
    trinity_outbox::write(&mut tx, ctx, events::logged_in(&user, token.session)).await?;
    let access_token = app.keys.sign(tenant, &user, token.session)?;
    tx.commit().await?;
    Ok(answer(access_token, &token, user))
}

/// Finds the tenant by slug, or else by the host that the client called.
async fn resolve(app: &App, ctx: &RequestContext, slug: &str) -> Result<Option<Tenant>> {
    let slug = slug.trim().to_owned();
    let domain = if slug.is_empty() { ctx.host.clone() } else { String::new() };
    let request = app.peers.request(ctx, ResolveTenantRequest { slug, domain });
    match app.tenants.clone().resolve_tenant(request).await {
        Ok(answer) => Ok(answer.into_inner().tenant),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// Where the request came from.
pub(super) fn client(ctx: &RequestContext) -> Client<'_> {
    Client { ip: &ctx.client_ip, user_agent: &ctx.user_agent }
}

fn answer(access_token: String, refresh: &RefreshToken, user: User) -> pb::LoginResponse {
    pb::LoginResponse {
        access_token,
        refresh_token: refresh.to_text(),
        token_type: "Bearer".to_owned(),
        expires_in: ACCESS_TOKEN_SECONDS,
        user: Some(user.into()),
        mfa_token: String::new(),
    }
}
