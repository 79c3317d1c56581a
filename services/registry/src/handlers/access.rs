//! Who may do what with a project and what is in it: the one place where handlers ask.

use std::sync::Arc;

use chrono::Utc;
use trinity_access::Path;
use trinity_context::{Caller, RequestContext};
use trinity_error::{Error, Result};
use trinity_ids::FolderId;

use crate::app::App;
use crate::domain::project::Place;
use crate::error;

/// Lets the caller do `permission` on what is at `place`: the project itself, or a thing in it that is a `noun`.
///
/// # Errors
/// `NotFound` when the caller may not see it, or the tenant may not use its app; `PermissionDenied` when he may see it.
pub(super) fn require(ctx: &RequestContext, permission: &str, noun: &str, place: &Place) -> Result<()> {
    if !ctx.standing()?.allows_app(&place.app) {
        return Err(Error::not_found(noun));
    }
    ctx.require(permission, &Path::project(place.project, place.owner), noun)
}

/// Lets the caller do `permission` with a folder of the project at `place`. What the folders around it let him do stands in his
/// access already.
///
/// # Errors
/// As [`require`].
pub(super) fn require_folder(ctx: &RequestContext, permission: &str, place: &Place, folder: FolderId) -> Result<()> {
    if !ctx.standing()?.allows_app(&place.app) {
        return Err(Error::not_found("folder"));
    }
    ctx.require(permission, &path(place, Some(folder)), "folder")
}

/// Refuses a move of a folder to where the caller may do more with it than where it is.
///
/// # Errors
/// `PermissionDenied` `MOVE_GIVES_MORE`.
pub(super) fn require_no_gain(
    ctx: &RequestContext,
    place: &Place,
    folder: FolderId,
    parent: Option<FolderId>,
) -> Result<()> {
    let (access, now) = (ctx.access()?, Utc::now());
    let on = |folder| access.permissions_on(&path(place, folder), now);
    if on(Some(folder)).covers(on(parent)) { Ok(()) } else { Err(error::move_gives_more()) }
}

fn path(place: &Place, folder: Option<FolderId>) -> Path {
    let project = Path::project(place.project, place.owner);
    folder.into_iter().fold(project, Path::folder)
}

/// The same request with what the caller and his tenant may do now: for calls that last, so that what was taken away
/// meanwhile is not theirs any more.
///
/// # Errors
/// `Unauthenticated` when the caller is no longer good; `PermissionDenied` when the tenant is suspended; `Unavailable` when
/// nobody knows.
pub(super) async fn renew(app: &App, ctx: &RequestContext) -> Result<RequestContext> {
    let mut now = ctx.clone();
    now.access = Some(app.authenticator.access(&Arc::new(ctx.caller.clone())).await?);
    now.standing = Some(app.authenticator.standing(ctx.tenant()?).await?);
    if now.standing()?.suspended && !matches!(ctx.caller, Caller::Staff { .. }) {
        return Err(error::tenant_suspended());
    }
    Ok(now)
}

/// Whether the tenant may still be written to, after [`renew`].
///
/// # Errors
/// `PermissionDenied`, as at the start of a call.
pub(super) fn require_writable(ctx: &RequestContext) -> Result<()> {
    if ctx.standing()?.writable { Ok(()) } else { Err(error::subscription_expired()) }
}
