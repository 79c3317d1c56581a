//! An event, as every room of this service knows it.

use chrono::{DateTime, Utc};
use trinity_ids::EventId;

/// Something that happened. Times are whole microseconds, as Postgres keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: EventId,
    pub action: String,
    pub outcome: String,
    pub actor_type: String,
    pub actor_id: String,
    pub actor_name: String,
    pub object_type: String,
    pub object_id: String,
    pub object_name: String,
    /// JSON text, kept to the letter.
    pub before: Option<String>,
    /// JSON text, kept to the letter.
    pub after: Option<String>,
    pub ip: String,
    pub user_agent: String,
    pub request_id: String,
    pub trace_id: String,
    pub created_at: DateTime<Utc>,
}

/// An event in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub sequence: u64,
    pub event: Event,
    pub hash: Vec<u8>,
}
