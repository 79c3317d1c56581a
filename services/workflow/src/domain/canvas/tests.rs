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
        ("molecules[0].atoms[2].max_attempts", "is more than 20"),
        ("molecules[0].atoms[2].atom", "is required"),
        ("molecules[0].atoms[2].version", "must be a text"),
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
fn unknown_fields_and_nulls_are_passed_over() {
    let text = r#"{"zoom": 2, "molecules": [{"id": "a", "colour": [1], "atoms": [{"id": "x", "atom": "noop", "config": null, "version": null}]}], "connections": null}"#;
    let (canvas, faults) = parse(text);
    assert_eq!(faults, []);
    assert_eq!(canvas.molecules[0].atoms[0].config.get(), "{}");
    assert_eq!(canvas.molecules[0].atoms[0].version, None);
}
