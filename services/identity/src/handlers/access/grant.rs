//! Objects shared with users and groups.

use chrono::Utc;
use trinity_access::{Object, Path};
use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::GrantId;
use trinity_proto::identity as pb;

use super::{locate, power};
use crate::domain::{NewGrant, SubjectKind, period};
use crate::wiring::App;
use crate::{convert, events, store};

const MANAGE: &str = "grant.manage";

/// Shares an object; takes the place of what the subject had on it.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound` without the object or the subject; `PermissionDenied`, also
/// `ROLE_TOO_STRONG` when the level gives more than the caller has, or `SUBSCRIPTION_EXPIRED`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateGrantRequest,
) -> Result<pb::CreateGrantResponse> {
    power::require_writable(ctx)?;
    let new = new_grant(request)?;
    let path = manageable(app, ctx, new.object).await?;
    power::require(ctx.access()?.permissions_on(&path, Utc::now()), new.level.permissions())?;
    let (tenant, by) = (ctx.tenant()?, ctx.responsible()?);
    let mut tx = app.db.begin(ctx).await?;
    if !store::subject::lock(&mut tx, tenant, new.subject).await? {
        return Err(new.subject.kind.not_found());
    }
    let grant = store::grant::put(&mut tx, tenant, &new, by).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::grant_created(&grant)).await?;
    tx.commit().await?;
    Ok(pb::CreateGrantResponse { grant: Some(grant.into()) })
}

/// Lists the grants on an object that have not expired, the newest first.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`; `PermissionDenied`.
pub async fn list(app: &App, ctx: &RequestContext, request: &pb::ListGrantsRequest) -> Result<pb::ListGrantsResponse> {
    let object = object(&request.object_type, &request.object_id)?;
    let query = ["grants", object.kind.name(), &request.object_id];
    let page = PageRequest::parse(ctx, &query, request.page, request.per_page, &request.page_token)?;
    manageable(app, ctx, object).await?;
    let mut tx = app.db.begin(ctx).await?;
    let page = store::grant::list(&mut tx, ctx.tenant()?, object, page).await?;
    Ok(convert::access::grant_page(page))
}

/// Takes a grant back.
///
/// # Errors
/// `NotFound`, also when the caller may not see the object; `PermissionDenied`, also `SUBSCRIPTION_EXPIRED`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteGrantRequest,
) -> Result<pb::DeleteGrantResponse> {
    power::require_writable(ctx)?;
    let id: GrantId = parse_id("grant_id", &request.grant_id)?;
    let (tenant, not_found) = (ctx.tenant()?, || Error::not_found("grant"));
    let mut tx = app.db.begin(ctx).await?;
    let grant = store::grant::find(&mut tx, tenant, id).await?.ok_or_else(not_found)?;
    drop(tx);
    match locate::find(app, ctx, grant.object).await? {
        Some(path) => match ctx.require(MANAGE, &path, grant.object.kind.name()) {
            Err(error) if error.code() == trinity_error::Code::NotFound => return Err(not_found()),
            judged => judged?,
        },
        // The object is gone; what is left of it is for those who manage every grant.
        None if ctx.access()?.allows_in_tenant(MANAGE) => {}
        None => return Err(not_found()),
    }
    let mut tx = app.db.begin(ctx).await?;
    if !store::grant::delete(&mut tx, tenant, id).await? {
        return Err(not_found());
    }
    trinity_outbox::write(&mut tx, ctx, events::access::grant_deleted(&grant)).await?;
    tx.commit().await?;
    Ok(pb::DeleteGrantResponse {})
}

fn new_grant(request: &pb::CreateGrantRequest) -> Result<NewGrant> {
    let object = object(&request.object_type, &request.object_id)?;
    let subject = convert::access::subject(request.subject.as_ref())?;
    if subject.kind == SubjectKind::ServiceAccount {
        return Err(Error::invalid("subject.type", "is \"user\" or \"group\""));
    }
    let level = convert::access::level(request.level())?;
    let starts_at = request.starts_at.map(|at| convert::moment("starts_at", at)).transpose()?;
    let expires_at = request.expires_at.map(|at| convert::moment("expires_at", at)).transpose()?;
    period(starts_at, expires_at, Utc::now())?;
    Ok(NewGrant { object, subject, level, starts_at, expires_at })
}

fn object(object_type: &str, object_id: &str) -> Result<Object> {
    locate::parse(if object_type.is_empty() { "project" } else { object_type }, object_id)
}

/// Finds an object on which the caller manages grants.
async fn manageable(app: &App, ctx: &RequestContext, object: Object) -> Result<Path> {
    let noun = object.kind.name();
    let path = locate::find(app, ctx, object).await?.ok_or_else(|| Error::not_found(noun))?;
    ctx.require(MANAGE, &path, noun)?;
    Ok(path)
}
