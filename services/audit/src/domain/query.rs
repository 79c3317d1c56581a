//! What part of a trail is asked for.

use chrono::{DateTime, Utc};

/// Conditions that a record must meet; what is not given does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub action: Option<String>,
    pub actor_id: Option<String>,
    pub object_type: Option<String>,
    pub object_id: Option<String>,
    /// From this time on.
    pub from: Option<DateTime<Utc>>,
    /// Before this time.
    pub to: Option<DateTime<Utc>>,
}

impl Filter {
    /// Bytes that differ for filters that differ.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in [&self.action, &self.actor_id, &self.object_type, &self.object_id] {
            let text = text.as_deref().unwrap_or_default();
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        for time in [self.from, self.to] {
            bytes.push(u8::from(time.is_some()));
            bytes.extend_from_slice(&time.map_or(0, |time| time.timestamp_micros()).to_be_bytes());
        }
        bytes
    }
}
