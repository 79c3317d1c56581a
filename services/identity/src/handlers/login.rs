//! Signing in.
//!
//! Invariant: whoever has not proven who he is learns nothing: unknown tenant, unknown user, wrong password, inactive and
//! locked account get the same answer, after the same work, at the same time.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::time::Instant;
use trinity_authz::ACCESS_TOKEN_SECONDS;
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result};
use trinity_ids::SessionId;
use trinity_proto::identity as pb;
use trinity_proto::tenant::{ResolveTenantRequest, Tenant, TenantStatus};

use super::address;
use crate::domain::{Email, OneTimeToken, Purpose, RefreshToken, User};
use crate::store::credential::{self, Credential};
use crate::store::one_time_token;
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

/// How long a login waits for its second factor.
const MFA_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Exchanges e-mail and password for tokens, or for the right to go on with the second factor.
///
/// # Errors
/// `InvalidArgument` for an empty field; `Unauthenticated` `INVALID_CREDENTIALS`; `PermissionDenied`
/// `TENANT_SUSPENDED` after right credentials alone; `ResourceExhausted` `TOO_MANY_ATTEMPTS` from one address;
/// `Unavailable` when too many sign in at once.
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
    address::admit(app, ctx).await?;
    let email = Email::parse(&request.email).ok();
    let tenant = resolve(app, ctx, &request.tenant).await?;
    let (Some(email), Some(tenant)) = (email, tenant) else {
        app.passwords.verify(request.password, None).await?;
        address::blame_alone(app, ctx).await?;
        return Err(error::invalid_credentials());
    };
    let ctx = ctx.for_tenant(tenant.id.parse().map_err(Error::internal)?);
    let credential = credential::find(&app.db, &ctx, &email).await?;
    let hash = credential.as_ref().map(|credential| credential.password_hash.clone());
    let is_right = app.passwords.verify(request.password, hash).await?;
    let suspended = tenant.status() != TenantStatus::Active;
    settle(app, &ctx, Claim { email, credential, is_right }, suspended).await
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
        address::blame(&mut tx, ctx).await?;
        tx.commit().await?;
        return Err(error::invalid_credentials());
    };
    if suspended {
        trinity_outbox::write(&mut tx, ctx, events::login_refused(known, &claim.email, "TENANT_SUSPENDED")).await?;
        tx.commit().await?;
        return Err(error::tenant_suspended());
    }

    if user.mfa_enabled {
        let token = OneTimeToken::new(Purpose::Mfa, tenant)?;
        one_time_token::insert(&mut tx, &token, user.id, MFA_LIFETIME).await?;
        tx.commit().await?;
        return Ok(pb::LoginResponse { mfa_token: token.to_text(), ..pb::LoginResponse::default() });
    }
    let (access_token, refresh) = start_session(app, ctx, &mut tx, &user).await?;
    tx.commit().await?;
    Ok(answer(access_token, &refresh, user))
}

/// Starts a session of a user who has proven who he is: its first access token and refresh token.
pub(super) async fn start_session(
    app: &App,
    ctx: &RequestContext,
    tx: &mut PgConnection,
    user: &User,
) -> Result<(String, RefreshToken)> {
    let tenant = ctx.tenant()?;
    let token = RefreshToken::first(tenant, SessionId::new())?;
    session::insert(tx, &token, user.id, client(ctx), app.session_lifetime).await?;
    trinity_outbox::write(tx, ctx, events::logged_in(user, token.session)).await?;
    Ok((app.keys.sign(tenant, user, token.session)?, token))
}

/// Finds the tenant by slug, or else by the host that the client called.
pub(super) async fn resolve(app: &App, ctx: &RequestContext, slug: &str) -> Result<Option<Tenant>> {
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
