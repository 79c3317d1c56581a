//! Adding events to their tenants' chains.

use std::collections::{BTreeMap, HashSet};

use trinity_context::RequestContext;
use trinity_error::{Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::audit as pb;

use crate::domain::chain::{GENESIS, extend};
use crate::domain::event::{Event, Link};
use crate::store;
use crate::store::chain::Signed;
use crate::wiring::App;

/// Every so many links, one is signed for good.
const CHECKPOINT_EVERY: u64 = 100;

/// Adds events. Those that are there already are passed over, so a batch may come again.
///
/// # Errors
/// `InvalidArgument` naming the event at fault: nothing of the batch is added then.
pub async fn batch(app: &App, ctx: &RequestContext, request: pb::AppendBatchRequest) -> Result<pb::AppendBatchResponse> {
    let mut by_tenant: BTreeMap<TenantId, Vec<Event>> = BTreeMap::new();
    for (position, event) in request.events.into_iter().enumerate() {
        let tenant = parse_id(&format!("events[{position}].tenant_id"), &event.tenant_id)?;
        by_tenant.entry(tenant).or_default().push(crate::convert::event(position, event)?);
    }
    for (tenant, events) in by_tenant {
        append(app, ctx, tenant, events).await?;
    }
    Ok(pb::AppendBatchResponse {})
}

async fn append(app: &App, ctx: &RequestContext, tenant: TenantId, events: Vec<Event>) -> Result<()> {
    let mut tx = app.db.begin(&ctx.for_tenant(tenant)).await?;
    let head = store::chain::lock(&mut tx, tenant).await?;
    let mut seen: HashSet<_> = store::event::known(&mut tx, tenant, &events).await?.into_iter().collect();
    let fresh: Vec<Event> = events.into_iter().filter(|event| seen.insert(event.id)).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let head = head.map_or((0, GENESIS.to_vec()), |head| (head.sequence.unsigned_abs(), head.hash));
    let links = extend(tenant, head, fresh);
    store::event::insert(&mut tx, tenant, &links).await?;
    for link in links.iter().filter(|link| link.sequence % CHECKPOINT_EVERY == 0) {
        store::chain::insert_checkpoint(&mut tx, tenant, &signed(app, tenant, link)).await?;
    }
    if let Some(last) = links.last() {
        store::chain::set_head(&mut tx, tenant, &signed(app, tenant, last)).await?;
    }
    tx.commit().await?;
    metrics::counter!("trinity_audit_events_total").increment(links.len() as u64);
    Ok(())
}

fn signed(app: &App, tenant: TenantId, link: &Link) -> Signed {
    Signed {
        sequence: i64::try_from(link.sequence).unwrap_or(i64::MAX),
        hash: link.hash.clone(),
        key_id: app.signer.key_id().to_owned(),
        signature: app.signer.sign(tenant, link.sequence, &link.hash),
    }
}
