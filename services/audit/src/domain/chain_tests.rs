//! Whatever is done to a chain shows.

use chrono::DateTime;
use proptest::prelude::*;
use trinity_ids::EventId;
use uuid::Uuid;

use super::*;

fn tenant() -> TenantId {
    Uuid::from_u128(1).into()
}

fn record(n: u128, text: &str, document: Option<&str>) -> Record {
    let text = text.to_owned();
    Record {
        id: EventId::from(Uuid::from_u128(n)),
        action: text.clone(),
        outcome: "OK".to_owned(),
        actor_type: "user".to_owned(),
        actor_id: String::new(),
        actor_name: String::new(),
        object_type: "project".to_owned(),
        object_id: text.clone(),
        object_name: text,
        before: None,
        after: document.map(str::to_owned),
        ip: String::new(),
        user_agent: String::new(),
        request_id: String::new(),
        trace_id: String::new(),
        created_at: DateTime::from_timestamp_micros(1_700_000_000_000_000).unwrap(),
    }
}

fn walk(links: &[Link], sequence: i64, head: &Hash) -> Result<(), Break> {
    let mut walk = Walk::new(tenant());
    links.iter().try_for_each(|link| walk.step(link))?;
    walk.finish(sequence, head)
}

fn chain(texts: &[String]) -> Vec<Link> {
    let records = texts.iter().enumerate().map(|(at, text)| record(at as u128, text, Some("{}"))).collect();
    extend(tenant(), 0, GENESIS, records)
}

/// As computed by another program from the documented form. It never changes: chains of years ago must verify.
#[test]
fn the_hash_of_a_known_record_stays() {
    let known = hash(&GENESIS, tenant(), 1, &record(2, "project.create", Some(r#"{"name":"Weather"}"#)));
    assert_eq!(hex::encode(known), KNOWN_HASH);
}

const KNOWN_HASH: &str = "61c44b65aac1f81091744dff5e1d3a782e36df80d2fc21394408fb1b47798ea3";

#[test]
fn fields_cannot_flow_into_each_other() {
    let one = Record { action: "ab".into(), outcome: "c".into(), ..record(1, "", None) };
    let two = Record { action: "a".into(), outcome: "bc".into(), ..record(1, "", None) };
    assert_ne!(one.canonical(tenant(), 1), two.canonical(tenant(), 1));
    let absent = record(1, "x", None);
    let empty = Record { after: Some(String::new()), ..absent.clone() };
    assert_ne!(absent.canonical(tenant(), 1), empty.canonical(tenant(), 1));
}

proptest! {
    #[test]
    fn a_chain_that_nobody_touched_is_sound(texts in proptest::collection::vec(".*", 0..12)) {
        let links = chain(&texts);
        let head = links.last().map_or(GENESIS, |link| link.hash);
        prop_assert_eq!(walk(&links, links.len() as i64, &head), Ok(()));
    }

    #[test]
    fn every_change_is_found_where_it_is(
        texts in proptest::collection::vec("[a-z]{1,6}", 2..12),
        place in any::<proptest::sample::Index>(),
        kind in 0..5_u8,
    ) {
        let mut links = chain(&texts);
        let head = links.last().unwrap().hash;
        let end = links.len() as i64;
        let at = place.index(links.len());
        let first_bad = match kind {
            0 => { links[at].record.action.push('!'); at }
            1 => { links.remove(at); at }
            2 => { links[at].hash[0] ^= 1; at }
            3 => { let copy = links[at].clone(); links.insert(at, copy); at }
            _ => {
                let other = (at + 1) % links.len();
                let (low, high) = (at.min(other), at.max(other));
                let (one, two) = (links[low].record.clone(), links[high].record.clone());
                links[low].record = two;
                links[high].record = one;
                low
            }
        };
        let found = walk(&links, end, &head).unwrap_err();
        prop_assert_eq!(found.sequence, first_bad as i64 + 1);
    }
}
