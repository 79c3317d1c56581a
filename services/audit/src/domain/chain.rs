//! The hash chain: each link's hash covers the one before, the tenant, the place, and every field.
//!
//! Encoding: SHA-256 over the previous hash (32 zero bytes before the first link), then for each field its length as
//! four big-endian bytes and its bytes, in the order of [`encode`]. An absent document has the length `0xFFFFFFFF`.

use sha2::{Digest, Sha256};
use trinity_ids::TenantId;

use crate::domain::event::{Event, Link};

/// What stands before the first link.
pub const GENESIS: [u8; 32] = [0; 32];
const ABSENT: u32 = u32::MAX;

/// The hash of a link.
#[must_use]
pub fn hash(previous: &[u8], tenant: TenantId, sequence: u64, event: &Event) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(previous);
    encode(&mut hasher, tenant, sequence, event);
    hasher.finalize().into()
}

fn encode(hasher: &mut Sha256, tenant: TenantId, sequence: u64, event: &Event) {
    field(hasher, tenant.uuid().as_bytes());
    field(hasher, &sequence.to_be_bytes());
    field(hasher, event.id.uuid().as_bytes());
    for text in [
        &event.action,
        &event.outcome,
        &event.actor_type,
        &event.actor_id,
        &event.actor_name,
        &event.object_type,
        &event.object_id,
        &event.object_name,
    ] {
        field(hasher, text.as_bytes());
    }
    for document in [&event.before, &event.after] {
        match document {
            Some(text) => field(hasher, text.as_bytes()),
            None => hasher.update(ABSENT.to_be_bytes()),
        }
    }
    for text in [&event.ip, &event.user_agent, &event.request_id, &event.trace_id] {
        field(hasher, text.as_bytes());
    }
    field(hasher, &event.created_at.timestamp_micros().to_be_bytes());
}

fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update(u32::try_from(bytes.len()).unwrap_or(ABSENT - 1).to_be_bytes());
    hasher.update(bytes);
}

/// Links new events behind a head.
#[must_use]
pub fn extend(tenant: TenantId, head: (u64, Vec<u8>), events: Vec<Event>) -> Vec<Link> {
    let (mut sequence, mut previous) = head;
    events
        .into_iter()
        .map(|event| {
            sequence += 1;
            let hash = hash(&previous, tenant, sequence, &event).to_vec();
            previous.clone_from(&hash);
            Link { sequence, event, hash }
        })
        .collect()
}

/// Walks a chain link by link and finds the first that does not fit.
#[derive(Debug)]
pub struct Walk {
    tenant: TenantId,
    sequence: u64,
    hash: Vec<u8>,
}

/// A link that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    pub sequence: u64,
    pub problem: String,
}

impl Walk {
    /// Stands before the first link.
    #[must_use]
    pub fn new(tenant: TenantId) -> Self {
        Self { tenant, sequence: 0, hash: GENESIS.to_vec() }
    }

    /// Takes the next link.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn step(&mut self, link: &Link) -> Result<(), Break> {
        let expected = self.sequence + 1;
        if link.sequence != expected {
            return Err(Break { sequence: expected, problem: format!("event {expected} is missing or stands elsewhere") });
        }
        let computed = hash(&self.hash, self.tenant, link.sequence, &link.event);
        if computed != link.hash.as_slice() {
            return Err(Break { sequence: expected, problem: format!("event {expected} was altered or put in another order") });
        }
        self.sequence = expected;
        self.hash.clone_from(&link.hash);
        Ok(())
    }

    /// The last link taken.
    #[must_use]
    pub fn position(&self) -> (u64, &[u8]) {
        (self.sequence, &self.hash)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use trinity_ids::EventId;

    use super::*;

    fn event(action: &str) -> Event {
        Event {
            id: EventId::new(),
            action: action.to_owned(),
            outcome: "OK".to_owned(),
            actor_type: "user".to_owned(),
            actor_id: "u".to_owned(),
            actor_name: String::new(),
            object_type: "project".to_owned(),
            object_id: "p".to_owned(),
            object_name: "P".to_owned(),
            before: None,
            after: Some(r#"{"b":1,"a":12345678901234567890}"#.to_owned()),
            ip: String::new(),
            user_agent: String::new(),
            request_id: String::new(),
            trace_id: String::new(),
            created_at: DateTime::<Utc>::from_timestamp_micros(1_700_000_000_000_001).unwrap(),
        }
    }

    fn walk(tenant: TenantId, links: &[Link]) -> Result<(), Break> {
        let mut walk = Walk::new(tenant);
        links.iter().try_for_each(|link| walk.step(link))
    }

    #[test]
    fn a_sound_chain_is_walked_to_its_end_whoever_extended_it() {
        let tenant = TenantId::new();
        let mut links = extend(tenant, (0, GENESIS.to_vec()), vec![event("a"), event("b")]);
        let head = (2, links[1].hash.clone());
        links.extend(extend(tenant, head, vec![event("c")]));
        assert_eq!(walk(tenant, &links), Ok(()));
        assert!(walk(TenantId::new(), &links).is_err(), "a chain belongs to its tenant");
    }

    #[test]
    fn every_field_counts() {
        let tenant = TenantId::new();
        let links = extend(tenant, (0, GENESIS.to_vec()), vec![event("a"), event("b"), event("c")]);
        let changes: [fn(&mut Event); 6] = [
            |event| event.action = "x".to_owned(),
            |event| event.after = None,
            |event| event.before = Some("{}".to_owned()),
            |event| event.ip = "1".to_owned(),
            |event| (event.actor_id, event.actor_name) = (String::new(), "u".to_owned()),
            |event| event.created_at += chrono::TimeDelta::microseconds(1),
        ];
        for change in changes {
            let mut links = links.clone();
            change(&mut links[1].event);
            assert_eq!(walk(tenant, &links).unwrap_err().sequence, 2);
        }
        let mut swapped = links.clone();
        swapped.swap(0, 1);
        assert_eq!(walk(tenant, &swapped).unwrap_err().sequence, 1);
        let removed = [links[0].clone(), links[2].clone()];
        assert_eq!(walk(tenant, &removed).unwrap_err().sequence, 2);
    }
}
