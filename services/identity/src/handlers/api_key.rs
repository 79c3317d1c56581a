//! The keys that programs sign in with.

use chrono::Utc;
use trinity_access::Permissions;
use trinity_authz::ApiKeyText;
use trinity_context::RequestContext;
use trinity_crypto::{Secret, digest};
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::ApiKeyId;
use trinity_proto::identity as pb;

use super::access::power;
use crate::domain::{NewApiKey, Subject, SubjectKind, expiry, name, permissions};
use crate::wiring::App;
use crate::{convert, events, store};

/// Makes a key. Its text leaves with this answer and is kept nowhere.
///
/// A key without scopes may do all that its account may; nobody makes one for an account that may do more than he.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` without the account; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateApiKeyRequest,
) -> Result<pb::CreateApiKeyResponse> {
    let new = new_key(request)?;
    let subject = Subject { kind: SubjectKind::ServiceAccount, id: new.account.uuid() };
    let (tenant, id) = (ctx.tenant()?, ApiKeyId::new());
    let text = ApiKeyText::new(&app.environment, id, Secret::generate()?.into_bytes());
    let mut tx = app.db.begin(ctx).await?;
    let account = store::service_account::find_locked(&mut tx, tenant, new.account).await?;
    account.ok_or_else(|| subject.kind.not_found())?;
    if new.scopes == Permissions::NONE {
        power::require_all_of(&mut tx, ctx, subject).await?;
    } else {
        power::require(power::in_tenant(ctx.access()?), new.scopes)?;
    }
    let prefix = ApiKeyText::shown(&app.environment, id);
    let digest = digest(text.text().as_bytes());
    let key = store::api_key::insert(&mut tx, tenant, id, &new, &prefix, &digest).await?;
    trinity_outbox::write(&mut tx, ctx, events::program::key_created(&key)).await?;
    tx.commit().await?;
    Ok(pb::CreateApiKeyResponse { api_key: Some(key.into()), key: text.text().to_owned() })
}

/// Lists keys, the newest first, without their texts.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ListApiKeysRequest,
) -> Result<pb::ListApiKeysResponse> {
    let account = match request.service_account_id.as_str() {
        "" => None,
        id => Some(parse_id("service_account_id", id)?),
    };
    let query = ["api-keys", &request.service_account_id];
    let page = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let page = store::api_key::list(&mut tx, ctx.tenant()?, account, page).await?;
    Ok(convert::program::key_page(page))
}

/// Stops a key.
///
/// # Errors
/// `NotFound` also when it is stopped already.
pub async fn revoke(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RevokeApiKeyRequest,
) -> Result<pb::RevokeApiKeyResponse> {
    let id = parse_id("api_key_id", &request.api_key_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let key = store::api_key::revoke(&mut tx, ctx.tenant()?, id).await?.ok_or_else(not_found)?;
    trinity_outbox::write(&mut tx, ctx, events::program::key_revoked(&key)).await?;
    tx.commit().await?;
    Ok(pb::RevokeApiKeyResponse {})
}

/// Finds the account of a key that is good.
///
/// # Errors
/// `NotFound` for every other, without a difference.
pub async fn authenticate(
    app: &App,
    ctx: &RequestContext,
    request: &pb::AuthenticateApiKeyRequest,
) -> Result<pb::AuthenticateApiKeyResponse> {
    let text = ApiKeyText::parse(&request.key).ok_or_else(not_found)?;
    let mut tx = app.db.begin_system("find-key").await?;
    let tenant = store::api_key::find_tenant(&mut tx, text.id, &digest(text.text().as_bytes())).await?;
    drop(tx);
    let tenant = tenant.ok_or_else(not_found)?;
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let holder = store::api_key::find_holder(&mut tx, tenant, text.id).await?.ok_or_else(not_found)?;
    Ok(pb::AuthenticateApiKeyResponse {
        tenant_id: tenant.to_string(),
        service_account_id: holder.account.to_string(),
        api_key_id: text.id.to_string(),
        owner_id: holder.owner.to_string(),
    })
}

fn new_key(request: &pb::CreateApiKeyRequest) -> Result<NewApiKey> {
    let asked = request.expires_at.map(|at| convert::moment("expires_at", at)).transpose()?;
    Ok(NewApiKey {
        account: parse_id("service_account_id", &request.service_account_id)?,
        name: name(&request.name)?,
        scopes: permissions("scopes", &request.scopes)?,
        expires_at: expiry(asked, Utc::now())?,
    })
}

fn not_found() -> Error {
    Error::not_found("api key")
}
