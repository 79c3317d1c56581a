//! Programs of a tenant.

use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Result, parse_id};
use trinity_ids::ServiceAccountId;
use trinity_proto::identity as pb;

use super::access::power;
use crate::domain::{OWNER, Roles, Subject, SubjectKind, description, name};
use crate::wiring::App;
use crate::{convert, events, store};

/// Creates a service account; the caller answers for it and owns what it makes.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `SERVICE_ACCOUNT_NAME_TAKEN`; `PermissionDenied`
/// `ROLE_TOO_STRONG`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateServiceAccountRequest,
) -> Result<pb::CreateServiceAccountResponse> {
    let (name, description) = (name(&request.name)?, description(&request.description)?);
    let roles = if request.roles.is_empty() { Roles::stored(Vec::new()) } else { Roles::parse(&request.roles)? };
    if let Some(place) = request.roles.iter().position(|role| role == OWNER) {
        return Err(trinity_error::Error::invalid(format!("roles[{place}]"), "is for users alone"));
    }
    let (tenant, owner) = (ctx.tenant()?, ctx.responsible()?);
    let mut tx = app.db.begin(ctx).await?;
    power::require_roles(&mut tx, ctx, &request.roles).await?;
    let account = store::service_account::insert(&mut tx, tenant, &name, &description, owner, &roles).await?;
    trinity_outbox::write(&mut tx, ctx, events::program::account_created(&account)).await?;
    tx.commit().await?;
    Ok(pb::CreateServiceAccountResponse { service_account: Some(account.into()) })
}

/// Lists service accounts by name.
///
/// # Errors
/// `InvalidArgument` for a page that makes no sense.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: &pb::ListServiceAccountsRequest,
) -> Result<pb::ListServiceAccountsResponse> {
    let page = PageRequest::parse(ctx, &["service-accounts"], request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let page = store::service_account::list(&mut tx, ctx.tenant()?, page).await?;
    Ok(convert::program::account_page(page))
}

/// Deletes a service account with its keys and bindings.
///
/// # Errors
/// `NotFound`; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteServiceAccountRequest,
) -> Result<pb::DeleteServiceAccountResponse> {
    let id: ServiceAccountId = parse_id("service_account_id", &request.service_account_id)?;
    let subject = Subject { kind: SubjectKind::ServiceAccount, id: id.uuid() };
    let tenant = ctx.tenant()?;
    let mut tx = app.db.begin(ctx).await?;
    let account = store::service_account::find_locked(&mut tx, tenant, id).await?;
    let account = account.ok_or_else(|| subject.kind.not_found())?;
    power::require_all_of(&mut tx, ctx, subject).await?;
    store::service_account::delete(&mut tx, tenant, id).await?;
    trinity_outbox::write(&mut tx, ctx, events::program::account_deleted(&account)).await?;
    tx.commit().await?;
    Ok(pb::DeleteServiceAccountResponse {})
}
