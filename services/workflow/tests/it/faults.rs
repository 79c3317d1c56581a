//! Faults over the wire: every one with its place, also when there are very many.

use serde_json::{Value, json};
use trinity_error::Code;
use trinity_proto::workflow as pb;

use crate::stage::{Stage, answer, new_workflow};

async fn refused(stage: &Stage, canvas: &Value) -> Vec<(String, String)> {
    let editor = stage.editor();
    let error = stage.save(&editor, new_workflow(&editor, "Bad", &canvas.to_string())).await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, "CANVAS_INVALID"));
    error.violations().iter().map(|violation| (violation.field.clone(), violation.reason.clone())).collect()
}

fn molecule(id: &str, atoms: &Value) -> Value {
    json!({"id": id, "atoms": atoms})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_severe_fault_refuses_the_save_and_is_named() {
    let stage = Stage::new().await;
    let noop = json!([{"id": "x", "atom": "noop"}]);
    let (a, b) = (molecule("a", &noop), molecule("b", &noop));
    let joined = |edges: Value| json!({"molecules": [a, b], "connections": edges});
    let reader =
        json!({"id": "r", "atom": "csv-reader", "config": {"dataset": "0190a1b2-0000-7000-8000-000000000001"}});
    let cases = [
        (json!([]), "canvas", "malformed"),
        (json!({"molecules": [{"atoms": []}]}), "molecules[0].id", "malformed"),
        (json!({"molecules": [a, a]}), "molecules[1].id", "duplicate_id"),
        (
            json!({"molecules": [molecule("a", &json!([{"id": "x", "atom": "teleport"}]))]}),
            "molecules[0].atoms[0].atom",
            "unknown_atom",
        ),
        (
            json!({"molecules": [molecule("a", &json!([{"id": "x", "atom": "noop", "version": "7.0.0"}]))]}),
            "molecules[0].atoms[0].version",
            "unknown_version",
        ),
        (
            json!({"molecules": [molecule("a", &json!([reader, {"id": "x", "atom": "filter", "config": {"where": 5}}]))]}),
            "molecules[0].atoms[1].config.where",
            "bad_config",
        ),
        (joined(json!([{"from": "a", "to": "c"}])), "connections[0].to", "dangling_edge"),
        (joined(json!([{"from": "a", "to": "a.x"}])), "connections[0]", "self_edge"),
        (joined(json!([{"from": "a", "to": "b"}, {"from": "b", "to": "a"}])), "connections[1]", "cycle"),
        (joined(json!([{"from": "a", "to": "b", "type": "magic"}])), "connections[0].type", "bad_edge"),
        (joined(json!([{"from": "a", "to": "b", "type": "conditional"}])), "connections[0].when", "missing_when"),
        (
            json!({"molecules": [molecule("a", &json!([reader, {"id": "s", "atom": "csv-reader", "config": reader["config"]}]))]}),
            "molecules[0].atoms[1]",
            "too_many_inputs",
        ),
    ];
    for (canvas, place, code) in cases {
        let found = refused(&stage, &canvas).await;
        assert_eq!(found.first(), Some(&(place.to_owned(), code.to_owned())), "{canvas}");
    }
    let cycle = joined(json!([{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]));
    let editor = stage.editor();
    let error = stage.save(&editor, new_workflow(&editor, "Cycle", &cycle.to_string())).await.unwrap_err();
    assert_eq!(error.violations()[0].message, "a → b → a");
    let error = stage.save(&editor, new_workflow(&editor, "Cut", "{\"molecules\": [")).await.unwrap_err();
    assert_eq!(error.violations()[0].field, "canvas");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn very_many_faults_still_fit_into_the_answer() {
    let stage = Stage::new().await;
    let atoms: Vec<Value> =
        (0..900).map(|n| json!({"id": format!("a{n}"), "atom": format!("no-such-atom-{n}")})).collect();
    let found = refused(&stage, &json!({"molecules": [molecule("a", &json!(atoms))]})).await;
    assert!(found.len() > 50, "{}", found.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_is_saved_with_its_faults_and_has_no_plan() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let canvas = json!({"molecules": [
        molecule("read", &json!([{"id": "csv", "atom": "csv-reader"}])),
        molecule("alone", &json!([{"id": "sort", "atom": "clean"}])),
        molecule("bare", &json!([])),
    ]});
    let saved = stage.save(&editor, new_workflow(&editor, "Draft", &canvas.to_string())).await.unwrap();
    let shown =
        |faults: &[pb::Fault]| faults.iter().map(|fault| (fault.place.clone(), fault.code.clone())).collect::<Vec<_>>();
    let expected = [
        ("molecules[0].atoms[0].config.dataset", "missing_dataset"),
        ("molecules[2]", "empty"),
        ("molecules[1].atoms[0]", "unconnected"),
    ]
    .map(|(place, code)| (place.to_owned(), code.to_owned()));
    assert_eq!(shown(&saved.faults), expected);
    let id = saved.workflow.unwrap().id;
    let plan = stage.plan(&editor, &id, None).await.unwrap();
    assert!(plan.plan.is_none());
    assert_eq!(shown(&plan.faults), expected);
    let request = pb::ValidateWorkflowRequest { workflow_id: id, version: Some(1) };
    let validated = answer(stage.client.clone().validate_workflow(editor.asks(request)).await).unwrap();
    assert!(!validated.valid);
    assert_eq!(shown(&validated.faults), expected);
}
