//! Between messages and domain types, and the tokens of pages.

use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::Timestamp;
use trinity_proto::audit as pb;
use trinity_proto::common::Json;

use crate::domain::event::{Event, Link};
use crate::store::event::Filter;

/// Checks an event of a batch.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn event(position: usize, event: pb::NewEvent) -> Result<Event> {
    let field = |name: &str| format!("events[{position}].{name}");
    if event.action.is_empty() {
        return Err(Error::required(field("action")));
    }
    let created_at = event.created_at.ok_or_else(|| Error::required(field("created_at")))?;
    let actor = event.actor.unwrap_or_default();
    Ok(Event {
        id: parse_id(&field("id"), &event.id)?,
        action: clean(event.action),
        outcome: clean(event.outcome),
        actor_type: clean(actor.r#type),
        actor_id: clean(actor.id),
        actor_name: clean(actor.name),
        object_type: clean(event.object_type),
        object_id: clean(event.object_id),
        object_name: clean(event.object_name),
        before: document(field("before"), event.before)?,
        after: document(field("after"), event.after)?,
        ip: clean(event.ip),
        user_agent: clean(event.user_agent),
        request_id: clean(event.request_id),
        trace_id: clean(event.trace_id),
        created_at: moment(created_at).ok_or_else(|| Error::invalid(field("created_at"), "is not a time"))?,
    })
}

/// Postgres texts hold no zero byte; whoever sends one must not stop the trail.
fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn document(field: String, document: Option<Json>) -> Result<Option<String>> {
    match document {
        None => Ok(None),
        Some(json) if serde_json::from_str::<&RawValue>(&json.text).is_ok() => Ok(Some(json.text)),
        Some(_) => Err(Error::invalid(field, "is not JSON")),
    }
}

/// A time in whole microseconds.
fn moment(at: Timestamp) -> Option<DateTime<Utc>> {
    let at = DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)?;
    DateTime::from_timestamp_micros(at.timestamp_micros())
}

/// What a list request asks for.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub fn filter(request: pb::ListEventsRequest) -> Result<Filter> {
    let time = |field: &str, at: Option<Timestamp>| {
        at.map(|at| moment(at).ok_or_else(|| Error::invalid(field, "is not a time"))).transpose()
    };
    Ok(Filter {
        from: time("from", request.from)?,
        to: time("to", request.to)?,
        action: request.action,
        actor_id: request.actor_id,
        object_type: request.object_type,
        object_id: request.object_id,
    })
}

/// The token of the page that follows a sequence: bound to the tenant and the filter.
#[must_use]
pub fn token(tenant: TenantId, filter: &Filter, sequence: u64) -> String {
    format!("{sequence}-{}", fingerprint(tenant, filter))
}

/// The sequence before which the page begins.
///
/// # Errors
/// `InvalidArgument` for a token of another list or another tenant.
pub fn read_token(tenant: TenantId, filter: &Filter, token: &str) -> Result<Option<i64>> {
    if token.is_empty() {
        return Ok(None);
    }
    token
        .split_once('-')
        .filter(|(_, print)| *print == fingerprint(tenant, filter))
        .and_then(|(sequence, _)| sequence.parse().ok())
        .map(Some)
        .ok_or_else(|| Error::invalid("page_token", "is not a token of this list"))
}

fn fingerprint(tenant: TenantId, filter: &Filter) -> String {
    let digest = Sha256::digest(format!("{tenant} {filter:?}"));
    hex::encode(&digest[..8])
}

impl From<Link> for pb::AuditEvent {
    fn from(link: Link) -> Self {
        let event = link.event;
        Self {
            sequence: link.sequence,
            id: event.id.to_string(),
            action: event.action,
            outcome: event.outcome,
            actor: Some(pb::Actor { r#type: event.actor_type, id: event.actor_id, name: event.actor_name }),
            object_type: event.object_type,
            object_id: event.object_id,
            object_name: event.object_name,
            before: event.before.map(Json::new),
            after: event.after.map(Json::new),
            ip: event.ip,
            user_agent: event.user_agent,
            request_id: event.request_id,
            trace_id: event.trace_id,
            created_at: Some(Timestamp {
                seconds: event.created_at.timestamp(),
                nanos: i32::try_from(event.created_at.timestamp_subsec_nanos()).unwrap_or_default(),
            }),
            hash: hex::encode(link.hash),
        }
    }
}
