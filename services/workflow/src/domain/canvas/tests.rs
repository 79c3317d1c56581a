//! What is malformed, and what is passed over.

use super::*;

fn faults(text: &str) -> Vec<(String, String)> {
    parse(text).1.into_iter().map(|fault| (fault.place, fault.message)).collect()
}

#[test]
fn every_malformed_place_is_named() {
    let text = r#"{"molecules": [
        {"id": "a.b", "atoms": [{"id": 7, "atom": "noop"}, 5, {"id": "x", "version": 1, "max_attempts": 21}]},
        {"id": "b", "id": "c", "atoms": {}}, {"id": "d", "selectedAtoms": ["noop"]}],
        "connections": [{"from": "b"}, {"from": "b", "to": "c", "type": "maybe"}, {"from": "b", "to": "c", "type": "conditional"}]}"#;
    let expected = [
        ("molecules[0].id", "holds a dot, a slash or a control character"),
        ("molecules[0].atoms[0].id", "must be a text"),
        ("molecules[0].atoms[1]", "must be an object"),
        ("molecules[0].atoms[2].atom", "is required"),
        ("molecules[0].atoms[2].version", "must be a text"),
        ("molecules[0].atoms[2].max_attempts", "is more than 20"),
        ("molecules[1].id", "appears twice"),
        ("molecules[1].atoms", "must be an array"),
        ("molecules[2].selectedAtoms", "must be an object of slugs with true or false, and cannot stand beside atoms"),
        ("connections[0].to", "is required"),
        ("connections[1].type", "must be data_flow, conditional or error"),
        ("connections[2].when", "is required on a conditional connection"),
    ];
    assert_eq!(faults(text), expected.map(|(place, message)| (place.to_owned(), message.to_owned())));
}

#[test]
fn what_is_no_canvas_is_refused_as_a_whole() {
    assert_eq!(faults("[]"), [("canvas".to_owned(), "must be an object".to_owned())]);
    assert_eq!(faults("{}"), [("molecules".to_owned(), "is required".to_owned())]);
    assert!(faults("{\"molecules\": [}")[0].1.starts_with("is not JSON: expected value at line 1"));
    let large = format!(r#"{{"molecules": [], "note": "{}"}}"#, "x".repeat(MAX_BYTES));
    assert_eq!(faults(&large), [("canvas".to_owned(), "is larger than 1024 KiB".to_owned())]);
    let atoms = vec![r#"{"id":"a","atom":"noop"}"#; MAX_ATOMS + 1].join(",");
    let crowded = format!(r#"{{"molecules": [{{"id": "m", "atoms": [{atoms}]}}]}}"#);
    assert_eq!(faults(&crowded), [("molecules".to_owned(), "hold more than 1000 atoms".to_owned())]);
}

#[test]
fn how_atoms_and_runs_are_treated_is_read_and_bounded() {
    let text = r#"{"timeout_ms": 3600000, "priority": -5, "concurrency": {"key": "context.region", "limit": 2},
        "molecules": [{"id": "m", "atoms": [{"id": "a", "atom": "noop", "needs": "any", "backoff_ms": 100, "max_backoff_ms": 5000}, {"id": "b", "atom": "noop", "needs": "all"}]}]}"#;
    let (canvas, found) = parse(text);
    assert_eq!(found, []);
    let concurrency = Some(Concurrency { key: "context.region".to_owned(), limit: 2 });
    assert_eq!(canvas.settings, Settings { timeout_ms: 3_600_000, priority: -5, concurrency });
    let [any, all] = &canvas.molecules[0].atoms[..] else { panic!("two atoms") };
    assert_eq!((any.any_input, any.backoff_ms, any.max_backoff_ms), (true, 100, 5_000));
    assert_eq!((all.any_input, all.backoff_ms), (false, 0));

    let text = r#"{"timeout_ms": 2592000001, "priority": 1001, "concurrency": {"key": "region", "limit": 0},
        "molecules": [{"id": "m", "atoms": [{"id": "a", "atom": "noop", "needs": "some", "backoff_ms": 500, "max_backoff_ms": 400}]}],
        "connections": [{"from": "m", "to": "n", "type": "conditional", "when": "rows_out = 0"}]}"#;
    let expected = [
        ("molecules[0].atoms[0].max_backoff_ms", "is less than backoff_ms"),
        ("molecules[0].atoms[0].needs", "must be all or any"),
        ("timeout_ms", "is more than 2592000000"),
        ("priority", "is not between -1000 and 1000"),
        ("concurrency.limit", "is not between 1 and 1000"),
        ("concurrency.key", "unknown variable \"region\"; there is context"),
    ];
    let found = faults(text);
    assert_eq!(found[..6], expected.map(|(place, message)| (place.to_owned(), message.to_owned())));
    assert_eq!(found[6].0, "connections[0].when");
    assert!(found[6].1.starts_with("column 10: "), "{}", found[6].1);
    let words: Vec<&str> = parse(text).1.iter().map(|fault| fault.code.word()).collect();
    assert_eq!(words[5..], ["bad_expression", "bad_expression"]);
    assert_eq!(faults(r#"{"molecules": [], "concurrency": {}}"#).len(), 2);
}

#[test]
fn unknown_fields_and_nulls_are_passed_over() {
    let text = r#"{"zoom": 2, "molecules": [{"id": "a", "colour": [1], "atoms": [{"id": "x", "atom": "noop", "config": null, "version": null}]}], "connections": null}"#;
    let (canvas, faults) = parse(text);
    assert_eq!(faults, []);
    assert_eq!(canvas.molecules[0].atoms[0].config.get(), "{}");
    assert_eq!(canvas.molecules[0].atoms[0].version, None);
}
