//! Faults of whole canvases, and the plans of sound ones.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::canvas::EdgeType;
use crate::domain::samples;

const DATASET: &str = "0190a1b2-0000-7000-8000-000000000001";

fn check_value(canvas: &Value) -> Checked {
    check(&canvas.to_string(), samples::catalog())
}

/// Places and words of all faults.
fn faults(canvas: &Value) -> Vec<(String, &'static str)> {
    check_value(canvas).faults.into_iter().map(|fault| (fault.place, fault.code.word())).collect()
}

fn molecule(id: &str, atoms: &[Value]) -> Value {
    json!({"id": id, "atoms": atoms})
}

fn reader(id: &str) -> Value {
    json!({"id": id, "atom": "csv-reader", "config": {"dataset": DATASET}})
}

fn weather() -> Value {
    json!({
        "molecules": [
            molecule("prep", &[reader("read"), json!({"id": "analyse", "atom": "missing-value-analyzer"}), json!({"id": "clean", "atom": "clean", "max_attempts": 5, "timeout_ms": 60000, "priority": 7})]),
            molecule("explore", &[json!({"id": "profile", "atom": "data-profiler"})]),
            molecule("both", &[json!({"id": "join", "atom": "join", "config": {"on": ["date"]}}), json!({"id": "sort", "atom": "sort", "config": {"by": ["date"]}})]),
            molecule("alert", &[json!({"id": "notify", "atom": "noop"}), json!({"id": "wait", "atom": "noop", "version": "1.0.0"})]),
        ],
        "connections": [
            {"from": "explore", "to": "both"},
            {"from": "prep", "to": "explore", "type": "data_flow"},
            {"from": "prep.read", "to": "both.join", "type": "data_flow"},
            {"from": "prep.clean", "to": "alert.notify", "type": "conditional", "when": "rows_out == 0"},
            {"from": "both", "to": "alert.wait", "type": "error"},
        ],
    })
}

#[test]
fn a_sound_canvas_becomes_a_plan_in_order() {
    let checked = check_value(&weather());
    let plan = checked.plan.as_ref().unwrap_or_else(|| panic!("{:?}", checked.faults));
    assert_eq!(checked.faults, []);
    let places: Vec<&str> = plan.tasks.iter().map(|task| task.place.as_str()).collect();
    let expected = [
        "prep.read",
        "prep.analyse",
        "prep.clean",
        "explore.profile",
        "both.join",
        "both.sort",
        "alert.notify",
        "alert.wait",
    ];
    assert_eq!(places, expected);
    let inputs = |task: usize| {
        plan.tasks[task].inputs.iter().map(|input| (input.from, input.edge, input.when.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(inputs(0), []);
    assert_eq!(inputs(4), [(3, EdgeType::DataFlow, ""), (0, EdgeType::DataFlow, "")]);
    assert_eq!(inputs(6), [(2, EdgeType::Conditional, "rows_out == 0")]);
    assert_eq!(inputs(7), [(6, EdgeType::DataFlow, ""), (5, EdgeType::Error, "")]);
    assert_eq!(plan.tasks[0].dataset_ids, [DATASET]);
    assert_eq!((plan.tasks[2].max_attempts, plan.tasks[2].timeout_ms, plan.tasks[2].priority), (5, 60_000, 7));
    assert!(plan.tasks[3].passthrough && plan.tasks[1].passthrough && !plan.tasks[2].passthrough);
    assert_eq!(plan.tasks[2].outputs, ["data"]);
    assert_eq!((plan.tasks[6].atom_version.as_str(), plan.tasks[7].atom_version.as_str()), ("1.10.0", "1.0.0"));
    assert_eq!(checked.molecules_used(), ["prep", "explore", "both", "alert"]);
    let atoms = ["csv-reader", "missing-value-analyzer", "clean", "data-profiler", "join", "sort", "noop"];
    assert_eq!(checked.atoms_used(), atoms);
}

#[test]
fn atoms_are_looked_up_and_their_configs_checked() {
    let canvas = json!({"molecules": [molecule("a", &[
        json!({"id": "x", "atom": "teleport"}),
        json!({"id": "y", "atom": "noop", "version": "9.0.0"}),
        json!({"id": "x", "atom": "filter", "config": {"where": 5, "colour": 1}}),
        json!({"id": "z", "atom": "aggregate", "config": {"aggregations": [{"column": "wind", "function": "avg"}]}}),
    ]), molecule("a", &[json!({"id": "x", "atom": "noop"})])]});
    let expected = [
        ("molecules[0].atoms[0].atom", "unknown_atom"),
        ("molecules[0].atoms[1].version", "unknown_version"),
        ("molecules[0].atoms[2].id", "duplicate_id"),
        ("molecules[0].atoms[2].config.where", "bad_config"),
        ("molecules[0].atoms[2].config.colour", "bad_config"),
        ("molecules[0].atoms[3].config.aggregations[0].function", "bad_config"),
        ("molecules[1].id", "duplicate_id"),
    ];
    let mut found = faults(&canvas);
    found.sort();
    let mut expected = expected.map(|(place, code)| (place.to_owned(), code));
    expected.sort();
    assert_eq!(found, expected);
    assert!(check_value(&canvas).misses_atoms());
}

#[test]
fn a_cycle_is_named_with_its_way() {
    let prep = || molecule("prep", &[json!({"id": "in", "atom": "noop"}), json!({"id": "out", "atom": "noop"})]);
    let explore = || molecule("explore", &[json!({"id": "look", "atom": "noop"})]);
    let cycle = |connections: Value| {
        let checked = check_value(&json!({"molecules": [prep(), explore()], "connections": connections}));
        assert!(checked.plan.is_none());
        checked.faults.into_iter().map(|fault| (fault.place, fault.code.word(), fault.message)).collect::<Vec<_>>()
    };
    let found = cycle(json!([{"from": "prep", "to": "explore"}, {"from": "explore", "to": "prep"}]));
    assert_eq!(found, [("connections[1]".to_owned(), "cycle", "prep → explore → prep".to_owned())]);
    let found = cycle(json!([{"from": "prep.out", "to": "prep.in"}]));
    assert_eq!(found, [("connections[0]".to_owned(), "cycle", "prep.in → prep.out → prep.in".to_owned())]);
    let found = cycle(json!([{"from": "prep", "to": "prep"}, {"from": "explore", "to": "explore.look"}]));
    assert_eq!(found.iter().map(|fault| fault.1).collect::<Vec<_>>(), ["self_edge", "self_edge"]);
    // Between the two atoms of one molecule stands another: no cycle.
    let found = cycle_free(
        &json!([{"from": "prep.in", "to": "explore"}, {"from": "explore", "to": "prep.out"}]),
        &[prep(), explore()],
    );
    assert_eq!(found, ["prep.in", "explore.look", "prep.out"]);
}

fn cycle_free(connections: &Value, molecules: &[Value]) -> Vec<String> {
    let checked = check_value(&json!({"molecules": molecules, "connections": connections}));
    checked.plan.unwrap().tasks.into_iter().map(|task| task.place).collect()
}

#[test]
fn connections_must_lead_somewhere() {
    let canvas = json!({"molecules": [molecule("a", &[json!({"id": "x", "atom": "noop"})])], "connections": [
        {"from": "a", "to": "b"}, {"from": "a.y", "to": "b.x"}, {"from": "a", "to": "a.x", "type": "teleport"},
    ]});
    let expected = [
        ("connections[2].type", "bad_edge"),
        ("connections[0].to", "dangling_edge"),
        ("connections[1].from", "dangling_edge"),
        ("connections[1].to", "dangling_edge"),
        ("connections[2]", "self_edge"),
    ];
    assert_eq!(faults(&canvas), expected.map(|(place, code)| (place.to_owned(), code)));
}

#[test]
fn a_draft_may_lack_inputs_and_datasets() {
    let canvas = json!({"molecules": [
        molecule("alone", &[json!({"id": "x", "atom": "clean"})]),
        molecule("half", &[reader("x"), json!({"id": "y", "atom": "join", "config": {"on": ["date"]}})]),
        molecule("unread", &[json!({"id": "x", "atom": "csv-reader"}), json!({"id": "y", "atom": "clean"})]),
        molecule("blank", &[json!({"id": "x", "atom": "csv-reader", "config": {"dataset": ""}})]),
        molecule("bare", &[]),
        molecule("after", &[json!({"id": "x", "atom": "noop"}), json!({"id": "y", "atom": "clean"})]),
    ], "connections": [{"from": "half", "to": "bare"}]});
    let expected = [
        ("molecules[2].atoms[0].config.dataset", "missing_dataset"),
        ("molecules[3].atoms[0].config.dataset", "missing_dataset"),
        ("molecules[4]", "empty"),
        ("molecules[0].atoms[0]", "unconnected"),
        ("molecules[1].atoms[1]", "missing_input"),
        ("molecules[5].atoms[1]", "missing_input"),
    ];
    let checked = check_value(&canvas);
    assert_eq!(faults(&canvas), expected.map(|(place, code)| (place.to_owned(), code)));
    assert!(checked.plan.is_some());
    assert_eq!(faults(&json!({"molecules": []})), [("molecules".to_owned(), "empty")]);
}

#[test]
fn more_inputs_than_an_atom_takes_are_refused() {
    let canvas = json!({"molecules": [molecule("a", &[reader("x"), reader("y")])]});
    assert_eq!(faults(&canvas), [("molecules[0].atoms[1]".to_owned(), "too_many_inputs")]);
    assert!(check_value(&canvas).plan.is_none());
}

const OTHER: &str = "0190a1b2-0000-7000-8000-000000000002";

/// An atom that runs the other workflow.
fn sub_workflow(id: &str, rest: &Value) -> Value {
    let mut config = json!({"workflow": OTHER});
    config.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    json!({"id": id, "atom": "workflow", "config": config})
}

#[test]
fn a_fan_out_is_followed_by_what_joins_it() {
    let each = json!({"for_each": {"expression": "context.regions"}, "width": 2});
    let canvas = json!({"molecules": [
        molecule("prep", &[reader("read"), sub_workflow("each", &each), json!({"id": "sort", "atom": "sort", "config": {"by": ["date"]}})]),
        molecule("after", &[sub_workflow("once", &json!({"context": {"x": 1}})), json!({"id": "help", "atom": "noop", "needs": "any"})]),
    ], "connections": [
        {"from": "prep.each", "to": "after.once", "type": "conditional", "when": "rows_out > 0"},
        {"from": "prep.each", "to": "after.help", "type": "error"},
    ]});
    let checked = check_value(&canvas);
    assert_eq!(checked.faults, []);
    let plan = checked.plan.unwrap();
    let told = |task: &super::super::plan::Task| {
        let inputs = task.inputs.iter().map(|input| (input.from, input.edge)).collect::<Vec<_>>();
        (task.place.clone(), task.atom.clone(), inputs)
    };
    let (flow, when, error) = (EdgeType::DataFlow, EdgeType::Conditional, EdgeType::Error);
    let expected = [
        ("prep.read", "csv-reader", vec![]),
        ("prep.each", "workflow", vec![(0, flow)]),
        ("prep.each.join", "union", vec![(1, flow)]),
        ("prep.sort", "sort", vec![(2, flow)]),
        ("after.once", "workflow", vec![(2, when)]),
        ("after.help", "noop", vec![(4, flow), (1, error)]),
    ];
    let expected = expected.map(|(place, atom, inputs)| (place.to_owned(), atom.to_owned(), inputs));
    assert_eq!(plan.tasks.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(plan.tasks[5].any_input && !plan.tasks[4].any_input);
    assert!(plan.tasks[2].is_join() && !plan.tasks[1].is_join());
    assert_eq!((plan.tasks[2].outputs.clone(), plan.tasks[2].config.get()), (vec!["data".to_owned()], "{}"));
    let calls: Vec<_> = plan.calls.iter().map(|call| (call.place.as_str(), call.workflow.to_string())).collect();
    let places = ["molecules[0].atoms[1].config.workflow", "molecules[1].atoms[0].config.workflow"];
    assert_eq!(calls, places.map(|place| (place, OTHER.to_owned())));
}

#[test]
fn a_sub_workflow_must_be_chosen_and_go_over_something() {
    let over_parts = json!({"for_each": {"partitions": true}});
    let canvas = json!({"molecules": [
        molecule("a", &[json!({"id": "x", "atom": "workflow"}), json!({"id": "y", "atom": "workflow", "config": {"workflow": ""}})]),
        molecule("b", &[reader("x"), sub_workflow("y", &over_parts)]),
        molecule("c", &[reader("x"), json!({"id": "parts", "atom": "partition", "config": {"by": "city"}}), json!({"id": "look", "atom": "data-profiler"}), sub_workflow("y", &over_parts)]),
    ]});
    let canvas = match samples::catalog().find("partition", None) {
        Lookup::Found(partition) if partition.schema["properties"].get("by").is_some() => canvas,
        _ => serde_json::from_str(&canvas.to_string().replace(r#"{"by":"city"}"#, "{}")).unwrap(),
    };
    let expected = [
        ("molecules[0].atoms[0].config.workflow", "missing_workflow"),
        ("molecules[0].atoms[1].config.workflow", "missing_workflow"),
        ("molecules[1].atoms[1].config.for_each.partitions", "missing_input"),
    ];
    assert_eq!(faults(&canvas), expected.map(|(place, code)| (place.to_owned(), code)));
    assert!(check_value(&canvas).plan.is_some());
    let bad = json!({"for_each": {"expression": "context.regions.map("}});
    let found = faults(&json!({"molecules": [molecule("a", &[sub_workflow("x", &bad)])]}));
    assert_eq!(found, [("molecules[0].atoms[0].config.for_each.expression".to_owned(), "bad_expression")]);
}

#[test]
fn a_plan_says_what_tasks_need_beside_data() {
    let canvas = json!({"timeout_ms": 1000, "concurrency": {"key": "'one'", "limit": 1}, "molecules": [molecule("a", &[
        json!({"id": "ask", "atom": "http", "config": {"url": "https://example.org", "secret_headers": {"Authorization": "API_TOKEN"}}}),
        json!({"id": "far", "atom": "remote", "config": {"worker": "python", "handler": "score"}, "backoff_ms": 10}),
    ])]});
    let checked = check_value(&canvas);
    assert_eq!(checked.faults, []);
    let plan = checked.plan.unwrap();
    assert_eq!(
        (plan.tasks[0].secrets.clone(), plan.tasks[0].kind.as_str()),
        (vec!["API_TOKEN".to_owned()], "data_transfer")
    );
    assert_eq!((plan.tasks[1].worker_label.as_str(), plan.tasks[1].backoff_ms), ("python", 10));
    assert_eq!((plan.tasks[0].worker_label.as_str(), plan.tasks[1].kind.as_str()), ("", "atom_execution"));
    assert_eq!((plan.timeout_ms, plan.concurrency_key.as_str(), plan.concurrency_limit), (1_000, "'one'", 1));
}

#[test]
fn plans_from_before_can_still_be_read() {
    let stored = r#"{"tasks":[{"place":"m.a","molecule":"m","atom":"noop","atom_version":"1.0.0","config":{},"inputs":[],
        "passthrough":false,"outputs":["data"],"dataset_ids":[],"max_attempts":0,"timeout_ms":0,"priority":0}]}"#;
    let plan: Plan = serde_json::from_str(stored).unwrap();
    assert_eq!((plan.tasks[0].place.as_str(), plan.tasks[0].any_input, plan.concurrency_limit), ("m.a", false, 0));
    assert!(plan.calls.is_empty() && plan.tasks[0].secrets.is_empty());
}

#[test]
fn configs_keep_their_text() {
    let text = r#"{"molecules": [{"id": "a", "atoms": [{"id": "x", "atom": "csv-reader", "config": { "null_words": ["b", "a"],  "dataset":"0190a1b2-0000-7000-8000-000000000001" }},
        {"id": "y", "atom": "clean", "config": {"fill": {"wind": 12345678901234567890123.50}}}]}]}"#;
    let plan = check(text, samples::catalog()).plan.unwrap();
    assert_eq!(
        plan.tasks[0].config.get(),
        r#"{ "null_words": ["b", "a"],  "dataset":"0190a1b2-0000-7000-8000-000000000001" }"#
    );
    let stored = serde_json::to_string(&plan).unwrap();
    let read: Plan = serde_json::from_str(&stored).unwrap();
    assert_eq!(read.tasks[1].config.get(), r#"{"fill": {"wind": 12345678901234567890123.50}}"#);
}

/// Molecules of the sizes given, and connections between atoms by their number over the whole canvas.
fn canvas_of(sizes: &[usize], connections: &[(usize, usize)]) -> Value {
    let names: Vec<String> =
        sizes.iter().enumerate().flat_map(|(m, &size)| (0..size).map(move |a| format!("m{m}.a{a}"))).collect();
    let molecules: Vec<Value> = sizes
        .iter()
        .enumerate()
        .map(|(m, &size)| {
            let atoms: Vec<Value> = (0..size).map(|a| json!({"id": format!("a{a}"), "atom": "any"})).collect();
            molecule(&format!("m{m}"), &atoms)
        })
        .collect();
    let connections: Vec<Value> =
        connections.iter().map(|&(from, to)| json!({"from": names[from], "to": names[to]})).collect();
    json!({"molecules": molecules, "connections": connections})
}

fn any_dag() -> impl Strategy<Value = (Vec<usize>, Vec<(usize, usize)>)> {
    prop::collection::vec(1_usize..5, 1..8).prop_flat_map(|sizes| {
        let atoms: usize = sizes.iter().sum();
        let pair = (0..atoms, 0..atoms).prop_map(|(a, b)| (a.min(b), a.max(b)));
        let forward = prop::collection::vec(
            pair.prop_filter("no self edges", |(a, b)| a != b),
            if atoms > 1 { 0..20 } else { 0..1 },
        );
        (Just(sizes), forward)
    })
}

proptest! {
    #[test]
    fn any_dag_compiles_to_an_order_with_every_atom_once((sizes, connections) in any_dag()) {
        let checked = check_value(&canvas_of(&sizes, &connections));
        prop_assert_eq!(&checked.faults, &[]);
        let plan = checked.plan.unwrap();
        let mut places: Vec<&str> = plan.tasks.iter().map(|task| task.place.as_str()).collect();
        prop_assert_eq!(places.len(), sizes.iter().sum::<usize>());
        places.sort_unstable();
        places.dedup();
        prop_assert_eq!(places.len(), plan.tasks.len());
        let edges: usize = plan.tasks.iter().map(|task| task.inputs.len()).sum();
        prop_assert_eq!(edges, connections.len() + sizes.iter().map(|size| size - 1).sum::<usize>());
        for (index, task) in plan.tasks.iter().enumerate() {
            prop_assert!(task.inputs.iter().all(|input| input.from < index));
        }
    }

    #[test]
    fn any_back_edge_is_refused_with_a_true_way((sizes, mut connections) in any_dag(), pick in any::<prop::sample::Index>()) {
        prop_assume!(!connections.is_empty());
        let (from, to) = connections[pick.index(connections.len())];
        connections.push((to, from));
        let canvas = canvas_of(&sizes, &connections);
        let checked = check_value(&canvas);
        prop_assert!(checked.plan.is_none());
        let fault = checked.faults.iter().find(|fault| fault.code == FaultCode::Cycle).unwrap();
        prop_assert_eq!(&fault.place, &format!("connections[{}]", connections.len() - 1));
        let stations: Vec<&str> = fault.message.split(" → ").collect();
        prop_assert_eq!(stations.first(), stations.last());
        for pair in stations.windows(2).filter(|pair| !pair.contains(&"…")) {
            prop_assert!(is_edge(&canvas, pair[0], pair[1]), "{} is no edge", pair.join(" → "));
        }
    }
}

/// Whether the canvas leads from one atom straight to another.
fn is_edge(canvas: &Value, from: &str, to: &str) -> bool {
    let number = |name: &str| {
        name.rsplit_once(".a").map(|(molecule, atom)| (molecule.to_owned(), atom.parse::<usize>().unwrap()))
    };
    let (start, end) = (number(from).unwrap(), number(to).unwrap());
    let follows = start.0 == end.0 && start.1 + 1 == end.1;
    let connected =
        canvas["connections"].as_array().unwrap().iter().any(|edge| edge["from"] == from && edge["to"] == to);
    follows || connected
}
