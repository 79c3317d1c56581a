//! Users who share roles and grants.

use trinity_context::RequestContext;
use trinity_db::PageRequest;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::{GroupId, UserId};
use trinity_proto::identity as pb;

use super::power;
use crate::domain::{Group, Subject, SubjectKind, description, name};
use crate::wiring::App;
use crate::{convert, events, store};

/// Creates a group.
///
/// # Errors
/// `InvalidArgument` naming the field; `AlreadyExists` `GROUP_NAME_TAKEN`.
pub async fn create(
    app: &App,
    ctx: &RequestContext,
    request: &pb::CreateGroupRequest,
) -> Result<pb::CreateGroupResponse> {
    let (name, description) = (name(&request.name)?, description(&request.description)?);
    let mut tx = app.db.begin(ctx).await?;
    let group = store::group::insert(&mut tx, ctx.tenant()?, &name, &description).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::group_created(&group)).await?;
    tx.commit().await?;
    Ok(pb::CreateGroupResponse { group: Some(group.into()) })
}

/// Lists groups by name.
///
/// # Errors
/// `InvalidArgument` for a page that makes no sense.
pub async fn list(app: &App, ctx: &RequestContext, request: &pb::ListGroupsRequest) -> Result<pb::ListGroupsResponse> {
    let page = PageRequest::parse(ctx, &["groups"], request.page, request.per_page, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let page = store::group::list(&mut tx, ctx.tenant()?, page).await?;
    Ok(convert::access::group_page(page))
}

/// Shows a group with its members.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, ctx: &RequestContext, request: &pb::GetGroupRequest) -> Result<pb::GetGroupResponse> {
    let id = parse_id("group_id", &request.group_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let group = store::group::find(&mut tx, ctx.tenant()?, id).await?.ok_or_else(not_found)?;
    Ok(pb::GetGroupResponse { group: Some(group.into()) })
}

/// Changes a group's name or description.
///
/// # Errors
/// `InvalidArgument` naming the field; `NotFound`; `Aborted` when it was changed since `version`; `AlreadyExists`
/// `GROUP_NAME_TAKEN`.
pub async fn update(
    app: &App,
    ctx: &RequestContext,
    request: &pb::UpdateGroupRequest,
) -> Result<pb::UpdateGroupResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id("group_id", &request.group_id)?);
    let version = request.version.map(convert::version).transpose()?;
    let name = request.name.as_deref().map(name).transpose()?;
    let description = request.description.as_deref().map(description).transpose()?;
    let mut tx = app.db.begin(ctx).await?;
    let before = store::group::find_locked(&mut tx, tenant, id).await?.ok_or_else(not_found)?;
    if version.is_some_and(|version| version != before.version) {
        return Err(Error::stale("group"));
    }
    let after = store::group::update(&mut tx, tenant, id, name.as_deref(), description.as_deref()).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::group_updated(&before, &after)).await?;
    tx.commit().await?;
    Ok(pb::UpdateGroupResponse { group: Some(after.into()) })
}

/// Deletes a group with its bindings and grants.
///
/// # Errors
/// `NotFound`; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn delete(
    app: &App,
    ctx: &RequestContext,
    request: &pb::DeleteGroupRequest,
) -> Result<pb::DeleteGroupResponse> {
    let id = parse_id("group_id", &request.group_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let group = lock_within_power(&mut tx, ctx, id).await?;
    store::group::delete(&mut tx, ctx.tenant()?, id).await?;
    trinity_outbox::write(&mut tx, ctx, events::access::group_deleted(&group)).await?;
    tx.commit().await?;
    Ok(pb::DeleteGroupResponse {})
}

/// Adds a user to a group; he may be in it already.
///
/// # Errors
/// `NotFound`; `PermissionDenied` `ROLE_TOO_STRONG` when the group may do what the caller may not.
pub async fn add_member(
    app: &App,
    ctx: &RequestContext,
    request: &pb::AddGroupMemberRequest,
) -> Result<pb::AddGroupMemberResponse> {
    let (tenant, id) = (ctx.tenant()?, parse_id("group_id", &request.group_id)?);
    let user: UserId = parse_id("user_id", &request.user_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let group = lock_within_power(&mut tx, ctx, id).await?;
    let subject = Subject { kind: SubjectKind::User, id: user.uuid() };
    if !store::subject::lock(&mut tx, tenant, subject).await? {
        return Err(subject.kind.not_found());
    }
    if store::group::add_member(&mut tx, tenant, id, user).await? {
        trinity_outbox::write(&mut tx, ctx, events::access::member_added(&group, user)).await?;
        tx.commit().await?;
    }
    Ok(pb::AddGroupMemberResponse {})
}

/// Takes a user out of a group.
///
/// # Errors
/// `NotFound` also when he is not in it; `PermissionDenied` `ROLE_TOO_STRONG`.
pub async fn remove_member(
    app: &App,
    ctx: &RequestContext,
    request: &pb::RemoveGroupMemberRequest,
) -> Result<pb::RemoveGroupMemberResponse> {
    let id = parse_id("group_id", &request.group_id)?;
    let user = parse_id("user_id", &request.user_id)?;
    let mut tx = app.db.begin(ctx).await?;
    let group = lock_within_power(&mut tx, ctx, id).await?;
    if !store::group::remove_member(&mut tx, ctx.tenant()?, id, user).await? {
        return Err(SubjectKind::User.not_found());
    }
    trinity_outbox::write(&mut tx, ctx, events::access::member_removed(&group, user)).await?;
    tx.commit().await?;
    Ok(pb::RemoveGroupMemberResponse {})
}

/// Locks a group that may do no more than the caller.
async fn lock_within_power(tx: &mut sqlx::PgConnection, ctx: &RequestContext, id: GroupId) -> Result<Group> {
    let group = store::group::find_locked(tx, ctx.tenant()?, id).await?.ok_or_else(not_found)?;
    power::require_all_of(tx, ctx, Subject { kind: SubjectKind::Group, id: id.uuid() }).await?;
    Ok(group)
}

fn not_found() -> Error {
    SubjectKind::Group.not_found()
}
