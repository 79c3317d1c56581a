//! Listing events.

use trinity_context::RequestContext;
use trinity_db::per_page_of;
use trinity_error::Result;
use trinity_proto::audit as pb;
use trinity_proto::common::PageInfo;

use crate::convert;
use crate::store;
use crate::wiring::App;

/// Lists events of the caller's tenant, newest first.
///
/// # Errors
/// `InvalidArgument` a token of another list.
pub async fn events(app: &App, ctx: &RequestContext, request: pb::ListEventsRequest) -> Result<pb::ListEventsResponse> {
    let tenant = ctx.tenant()?;
    let per_page = per_page_of(request.per_page)?;
    let page_token = request.page_token.clone();
    let filter = convert::filter(request)?;
    let before = convert::read_token(tenant, &filter, &page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    let mut links = store::event::list(&mut tx, tenant, &filter, before, i64::from(per_page) + 1).await?;
    tx.commit().await?;
    let mut next_page_token = String::new();
    if links.len() > per_page as usize {
        links.truncate(per_page as usize);
        next_page_token = links.last().map(|last| convert::token(tenant, &filter, last.sequence)).unwrap_or_default();
    }
    Ok(pb::ListEventsResponse {
        events: links.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}
