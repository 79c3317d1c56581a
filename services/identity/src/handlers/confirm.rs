//! Asking a signed-in person for his password or a code again.

use sqlx::PgConnection;
use trinity_context::RequestContext;
use trinity_crypto::TotpSecret;
use trinity_db::Tx;
use trinity_error::{Error, Result};
use trinity_ids::{TenantId, UserId};

use super::address;
use crate::domain::{User, recovery_code};
use crate::store::credential::{self, Credential};
use crate::store::second_factor::{self, Totp};
use crate::wiring::App;
use crate::{error, vault};

/// How many digits a code of an authenticator app has.
const CODE_DIGITS: usize = 6;

/// The caller's own secret.
///
/// # Errors
/// `PermissionDenied` for who is no person; `Unauthenticated` for who is gone.
pub async fn own(app: &App, ctx: &RequestContext) -> Result<Credential> {
    credential::find_by_id(&app.db, ctx, ctx.user()?).await?.ok_or_else(Error::unauthenticated)
}

/// Whether `password` is the caller's. What follows from it [`settle`] decides.
///
/// # Errors
/// `InvalidArgument` for an empty one; `ResourceExhausted` `TOO_MANY_ATTEMPTS`; `Unavailable` when too many are checked.
pub async fn is_right(
    app: &App,
    ctx: &RequestContext,
    credential: &Credential,
    field: &str,
    password: String,
) -> Result<bool> {
    if password.is_empty() {
        return Err(Error::required(field));
    }
    address::admit(app, ctx).await?;
    app.passwords.verify(password, Some(credential.password_hash.clone())).await
}

/// Opens a transaction for the caller whose password was right, with his row locked; a wrong one is counted as at a
/// login.
///
/// # Errors
/// `InvalidArgument` `WRONG_PASSWORD`, also for a locked account.
pub async fn settle(
    app: &App,
    ctx: &RequestContext,
    credential: &Credential,
    field: &str,
    is_right: bool,
) -> Result<(Tx, User)> {
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    if is_right && let Some(user) = credential::admit(&mut tx, tenant, credential, false).await? {
        return Ok((tx, user));
    }
    refuse(tx, ctx, tenant, credential.id).await?;
    Err(error::wrong_password(field))
}

/// Counts a wrong password or code, and ends the transaction.
pub async fn refuse(mut tx: Tx, ctx: &RequestContext, tenant: TenantId, user: UserId) -> Result<()> {
    credential::count_failure(&mut tx, tenant, user).await?;
    address::blame(&mut tx, ctx).await?;
    tx.commit().await?;
    Ok(())
}

/// Spends a code of the user's confirmed authenticator app, or a recovery code; false when it is not good.
///
/// Invariant: the caller has locked the user's row.
///
/// # Errors
/// `Internal` when the tenant's data key does not open the secret.
pub async fn spend_code(app: &App, tx: &mut PgConnection, tenant: TenantId, user: UserId, code: &str) -> Result<bool> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != CODE_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return second_factor::spend_recovery_code(tx, tenant, user, &recovery_code::digest_of(user, code)).await;
    }
    let totp = second_factor::find_locked(tx, tenant, user).await?;
    match totp.filter(|totp| totp.confirmed) {
        Some(totp) => spend_totp(app, tx, tenant, user, &totp, &digits).await,
        None => Ok(false),
    }
}

/// Spends a code of an authenticator app, and confirms the app.
pub async fn spend_totp(
    app: &App,
    tx: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    totp: &Totp,
    code: &str,
) -> Result<bool> {
    let keys = vault::all(tx, &app.wrapper, tenant).await?;
    let secret = keys.get(&totp.key_generation).and_then(|key| key.open(&place(tenant, user), &totp.sealed_secret));
    let secret = secret
        .and_then(|bytes| TotpSecret::from_bytes(&bytes))
        .ok_or_else(|| Error::internal("the tenant's data key does not open the secret of an authenticator app"))?;
    match secret.step_of(code, std::time::SystemTime::now()) {
        Some(step) => second_factor::spend_step(tx, tenant, user, i64::try_from(step).map_err(Error::internal)?).await,
        None => Ok(false),
    }
}

/// Where the secret of a user's app belongs.
pub fn place(tenant: TenantId, user: UserId) -> Vec<u8> {
    [&b"totp/"[..], &tenant.uuid().into_bytes(), &user.uuid().into_bytes()].concat()
}
