//! Between the contracts and this service's own types.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use serde::de::IgnoredAny;
use trinity_error::{Error, Result, parse_id};
use trinity_ids::TenantId;
use trinity_proto::audit as pb;
use trinity_proto::common::Json;

use crate::domain::chain::Link;
use crate::domain::query::Filter;
use crate::domain::record::Record;

/// An event of a batch, with its tenant.
pub(crate) fn record(at: usize, event: pb::NewEvent) -> Result<(TenantId, Record)> {
    let field = |name: &str| format!("events[{at}].{name}");
    let tenant = parse_id(&field("tenant_id"), &event.tenant_id)?;
    if event.action.is_empty() {
        return Err(Error::required(field("action")));
    }
    let created_at =
        time(&field("created_at"), event.created_at)?.ok_or_else(|| Error::required(field("created_at")))?;
    let actor = event.actor.unwrap_or_default();
    let record = Record {
        id: parse_id(&field("id"), &event.id)?,
        action: plain(event.action),
        outcome: if event.outcome.is_empty() { "OK".to_owned() } else { plain(event.outcome) },
        actor_type: plain(actor.r#type),
        actor_id: plain(actor.id),
        actor_name: plain(actor.name),
        object_type: plain(event.object_type),
        object_id: plain(event.object_id),
        object_name: plain(event.object_name),
        before: document(&field("before"), event.before)?,
        after: document(&field("after"), event.after)?,
        ip: plain(event.ip),
        user_agent: plain(event.user_agent),
        request_id: plain(event.request_id),
        trace_id: plain(event.trace_id),
        created_at: Record::stored_time(created_at),
    };
    Ok((tenant, record))
}

/// Text that Postgres can hold: a record must not be refused for a zero byte in a header.
fn plain(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

fn document(field: &str, json: Option<Json>) -> Result<Option<String>> {
    let Some(Json { text }) = json else { return Ok(None) };
    serde_json::from_str::<IgnoredAny>(&text)
        .map_err(|error| Error::invalid(field, format!("is not JSON: {error}")))?;
    Ok(Some(text))
}

fn time(field: &str, time: Option<Timestamp>) -> Result<Option<DateTime<Utc>>> {
    let read = |time: Timestamp| {
        let nanos = u32::try_from(time.nanos).ok()?;
        DateTime::from_timestamp(time.seconds, nanos).filter(is_storable)
    };
    time.map(|time| read(time).ok_or_else(|| Error::invalid(field, "is not a time"))).transpose()
}

/// Whether Postgres can hold the time.
fn is_storable(time: &DateTime<Utc>) -> bool {
    use chrono::Datelike;
    (1..=9999).contains(&time.year())
}

/// The conditions of a list request.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn filter(request: &pb::ListEventsRequest) -> Result<Filter> {
    let text = |field: &str, text: &str| match text {
        "" => Ok(None),
        text if text.contains('\0') => Err(Error::invalid(field, "holds a zero byte")),
        text => Ok(Some(text.to_owned())),
    };
    Ok(Filter {
        action: text("action", &request.action)?,
        actor_id: text("actor_id", &request.actor_id)?,
        object_type: text("object_type", &request.object_type)?,
        object_id: text("object_id", &request.object_id)?,
        from: time("from", request.from)?,
        to: time("to", request.to)?,
    })
}

impl From<Link> for pb::AuditEvent {
    fn from(link: Link) -> Self {
        let record = link.record;
        Self {
            sequence: link.sequence.unsigned_abs(),
            id: record.id.to_string(),
            action: record.action,
            outcome: record.outcome,
            actor: Some(pb::Actor { r#type: record.actor_type, id: record.actor_id, name: record.actor_name }),
            object_type: record.object_type,
            object_id: record.object_id,
            object_name: record.object_name,
            before: record.before.map(Json::new),
            after: record.after.map(Json::new),
            ip: record.ip,
            user_agent: record.user_agent,
            request_id: record.request_id,
            trace_id: record.trace_id,
            created_at: Some(Timestamp {
                seconds: record.created_at.timestamp(),
                nanos: i32::try_from(record.created_at.timestamp_subsec_nanos()).unwrap_or_default(),
            }),
            hash: hex::encode(link.hash),
        }
    }
}

/// The installation's list request as a tenant's.
pub(crate) fn list_request(request: pb::ListPlatformEventsRequest) -> pb::ListEventsRequest {
    pb::ListEventsRequest {
        per_page: request.per_page,
        page_token: request.page_token,
        action: request.action,
        actor_id: request.actor_id,
        object_type: request.object_type,
        object_id: request.object_id,
        from: request.from,
        to: request.to,
    }
}

/// A tenant's list as the installation's.
pub(crate) fn platform_list(answer: pb::ListEventsResponse) -> pb::ListPlatformEventsResponse {
    pb::ListPlatformEventsResponse { events: answer.events, page: answer.page }
}

/// A tenant's verification as the installation's.
pub(crate) fn platform_verification(answer: pb::VerifyChainResponse) -> pb::VerifyPlatformChainResponse {
    pb::VerifyPlatformChainResponse {
        valid: answer.valid,
        events: answer.events,
        first_bad_sequence: answer.first_bad_sequence,
        head_hash: answer.head_hash,
        problem: answer.problem,
    }
}
