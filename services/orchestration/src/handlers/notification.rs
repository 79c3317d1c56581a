//! A person's notifications.

use trinity_context::RequestContext;
use trinity_db::{Scope, per_page_of};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::NotificationId;
use trinity_proto::common::PageInfo;
use trinity_proto::orchestration as pb;

use crate::convert;
use crate::store;
use crate::wiring::App;

/// How many may be marked by name at once.
const MAX_IDS: usize = 1_000;

/// Lists the caller's notifications, newest first.
///
/// # Errors
/// `InvalidArgument` a bad token; `PermissionDenied` `PERSON_REQUIRED`.
pub async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListNotificationsRequest,
) -> Result<pb::ListNotificationsResponse> {
    let (tenant, user) = (ctx.tenant()?, ctx.user()?);
    let per_page = per_page_of(request.per_page)?;
    let scope = Scope::new(ctx, &["notifications", &user.to_string(), &request.unread.to_string()]);
    let before: Option<NotificationId> = convert::place_of(scope, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let limit = i64::from(per_page) + 1;
    let mut rows = store::notification::list(&mut tx, tenant, user, request.unread, before, limit).await?;
    tx.commit().await?;
    let next_page_token = convert::cut(&mut rows, per_page, |row| scope.token(&row.id.to_string()));
    Ok(pb::ListNotificationsResponse {
        notifications: rows.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// Marks notifications of the caller as read: those named, or all.
///
/// # Errors
/// `InvalidArgument`; `PermissionDenied` `PERSON_REQUIRED`.
pub async fn read(
    app: &App,
    ctx: &RequestContext,
    request: pb::ReadNotificationsRequest,
) -> Result<pb::ReadNotificationsResponse> {
    if request.ids.len() > MAX_IDS {
        return Err(Error::invalid("ids", "are more than 1,000"));
    }
    let (tenant, user) = (ctx.tenant()?, ctx.user()?);
    let ids = request.ids.iter().map(|id| parse_id("ids", id)).collect::<Result<Vec<NotificationId>>>()?;
    let named = Some(ids.as_slice()).filter(|ids| !ids.is_empty());
    let mut tx = app.db.begin(ctx).await?;
    let read = store::notification::read(&mut tx, tenant, user, named).await?;
    tx.commit().await?;
    Ok(pb::ReadNotificationsResponse { read: u32::try_from(read).unwrap_or(u32::MAX) })
}
