//! What is recorded, and the exact bytes that stand for it in a chain.

use chrono::{DateTime, SubsecRound, Utc};
use trinity_ids::{EventId, TenantId};

/// Something that happened, before it has a place in a chain. Documents are JSON texts, kept exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub id: EventId,
    pub action: String,
    pub outcome: String,
    pub actor_type: String,
    pub actor_id: String,
    pub actor_name: String,
    pub object_type: String,
    pub object_id: String,
    pub object_name: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub ip: String,
    pub user_agent: String,
    pub request_id: String,
    pub trace_id: String,
    /// In microseconds, the precision of Postgres.
    pub created_at: DateTime<Utc>,
}

impl Record {
    /// A time as the database will give it back.
    pub fn stored_time(time: DateTime<Utc>) -> DateTime<Utc> {
        time.trunc_subsecs(6)
    }

    /// The canonical form: every field, each unambiguous, in this order and never in another.
    ///
    /// - the tag `trinity.audit.event.v1`
    /// - the tenant: 16 bytes; the sequence: 8 bytes, big-endian; the id: 16 bytes
    /// - action, outcome, actor type, id and name, object type, id and name, ip, user agent, request id, trace id: each its
    ///   length in bytes (8 bytes, big-endian) and its UTF-8 text
    /// - before, after: a byte 0 when absent, else a byte 1 and the JSON text with its length as above
    /// - the time: microseconds since 1970 (8 bytes, big-endian, signed)
    pub fn canonical(&self, tenant: TenantId, sequence: i64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(b"trinity.audit.event.v1");
        bytes.extend_from_slice(tenant.uuid().as_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(self.id.uuid().as_bytes());
        let texts = [
            &self.action,
            &self.outcome,
            &self.actor_type,
            &self.actor_id,
            &self.actor_name,
            &self.object_type,
            &self.object_id,
            &self.object_name,
            &self.ip,
            &self.user_agent,
            &self.request_id,
            &self.trace_id,
        ];
        for text in texts {
            put_text(&mut bytes, text);
        }
        for document in [&self.before, &self.after] {
            bytes.push(u8::from(document.is_some()));
            if let Some(text) = document {
                put_text(&mut bytes, text);
            }
        }
        bytes.extend_from_slice(&self.created_at.timestamp_micros().to_be_bytes());
        bytes
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}
