//! The trail, newest first.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use trinity_context::RequestContext;
use trinity_db::per_page_of;
use trinity_error::{Error, Result};
use trinity_ids::TenantId;
use trinity_proto::audit as pb;
use trinity_proto::common::PageInfo;

use crate::app::App;
use crate::convert;
use crate::domain::query::Filter;
use crate::keys::Keys;
use crate::store;

/// Lists events of the caller's tenant, newest first.
///
/// # Errors
/// `InvalidArgument` bad field, or a page token of another list.
pub(crate) async fn list(
    app: &App,
    ctx: &RequestContext,
    request: pb::ListEventsRequest,
) -> Result<pb::ListEventsResponse> {
    let per_page = per_page_of(request.per_page)?;
    let filter = convert::filter(&request)?;
    let tenant = ctx.tenant()?;
    let before = read_token(&app.keys, tenant, &filter, &request.page_token)?;
    let mut tx = app.db.begin(ctx).await?;
    // One more than asked for tells whether there is a next page.
    let mut links = store::event::list(&mut tx, tenant, &filter, before, i64::from(per_page) + 1).await?;
    let more = links.len() > per_page as usize;
    links.truncate(per_page as usize);
    let last = links.last().filter(|_| more).map(|link| link.sequence);
    let next_page_token = last.map(|sequence| token(&app.keys, tenant, &filter, sequence)).unwrap_or_default();
    Ok(pb::ListEventsResponse {
        events: links.into_iter().map(Into::into).collect(),
        page: Some(PageInfo { per_page, next_page_token, ..PageInfo::default() }),
    })
}

/// The place after which a list goes on, sealed together with the list that it belongs to.
fn token(keys: &Keys, tenant: TenantId, filter: &Filter, sequence: i64) -> String {
    let place = sequence.to_be_bytes();
    let seal = keys.seal(&[tenant.uuid().as_bytes().as_slice(), &place, &filter.canonical()].concat());
    URL_SAFE_NO_PAD.encode([place.as_slice(), &seal].concat())
}

fn read_token(keys: &Keys, tenant: TenantId, filter: &Filter, given: &str) -> Result<Option<i64>> {
    if given.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(given).unwrap_or_default();
    let place = bytes.first_chunk::<8>().map(|place| i64::from_be_bytes(*place));
    // Why no constant-time comparison: a token gives nothing that its bearer could not list from the start.
    match place {
        Some(sequence) if token(keys, tenant, filter, sequence) == given => Ok(Some(sequence)),
        _ => Err(Error::invalid("page_token", "is not a token of this list")),
    }
}
