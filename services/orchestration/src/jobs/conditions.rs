//! Decides conditional edges when the task that they start from completes.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use trinity_expression::{Expression, Variables};
use trinity_ids::TenantId;

use crate::domain::engine::EdgeKind;
use crate::domain::result::TaskResult;
use crate::jobs::desk::Desk;

/// Conditions that were parsed already, by tenant and text: parsing takes far longer than evaluating.
pub type Parsed = HashMap<(TenantId, String), Result<Expression, String>>;

/// How many are kept.
const MAX_PARSED: usize = 1_000;

/// The followers whose condition holds, and those whose condition cannot be evaluated; why, the desk keeps.
///
/// Several conditions between the same two tasks must all hold.
pub(super) fn verdicts(
    desk: &mut Desk,
    position: usize,
    ordinal: usize,
    result: &TaskResult,
) -> (Vec<usize>, Vec<usize>) {
    let edges = conditional_edges(desk, position, ordinal);
    if edges.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let variables = variables(desk, position, result);
    let mut held: BTreeMap<usize, bool> = BTreeMap::new();
    let mut broken = Vec::new();
    for (follower, when) in edges {
        let tenant = desk.runs[position].tenant;
        match evaluate(&mut desk.parsed, (tenant, when), &variables) {
            Ok(holds) => *held.entry(follower).or_insert(true) &= holds,
            Err(message) => {
                let run = &desk.runs[position];
                let (from, to) = (&run.tasks[ordinal].place, &run.tasks[follower].place);
                let message = format!("the condition of the edge from {from} to {to} cannot be evaluated: {message}");
                desk.faults.entry((position, follower)).or_insert(message);
                broken.push(follower);
            }
        }
    }
    let opened = held.into_iter().filter(|(follower, holds)| *holds && !broken.contains(follower));
    (opened.map(|(follower, _)| follower).collect(), broken)
}

fn conditional_edges(desk: &Desk, position: usize, ordinal: usize) -> Vec<(usize, String)> {
    let run = &desk.runs[position];
    let mut edges = Vec::new();
    for (follower, state) in run.state.tasks.iter().enumerate().skip(ordinal + 1) {
        let conditions = &run.tasks[follower].conditions;
        if conditions.is_empty() {
            continue;
        }
        for (edge, when) in state.upstream.iter().zip(conditions) {
            if edge.kind == EdgeKind::Conditional && edge.from == ordinal {
                edges.push((follower, when.clone()));
            }
        }
    }
    edges
}

/// What a condition may ask of the task that completed.
fn variables(desk: &Desk, position: usize, result: &TaskResult) -> Variables {
    let document = |text: Option<&str>| {
        text.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_else(|| json!({}))
    };
    let outputs: Map<String, Value> = result
        .outputs
        .iter()
        .map(|output| (output.name.clone(), json!({ "rows": output.rows, "size_bytes": output.size_bytes })))
        .collect();
    Variables::new()
        .with("context", document(desk.runs[position].context.as_deref()))
        .with("rows_in", json!(result.rows_in))
        .with("rows_out", json!(result.rows_out))
        .with("status", json!("completed"))
        .with("outputs", Value::from(outputs))
        .with("result", document(result.result.as_deref()))
}

fn evaluate(parsed: &mut Parsed, condition: (TenantId, String), variables: &Variables) -> Result<bool, String> {
    if parsed.len() >= MAX_PARSED && !parsed.contains_key(&condition) {
        parsed.clear();
    }
    let parse = |condition: &(_, String)| Expression::parse(&condition.1).map_err(|fault| fault.message);
    match parsed.entry(condition).or_insert_with_key(parse) {
        Ok(expression) => expression.holds(variables).map_err(|fault| fault.message),
        Err(message) => Err(message.clone()),
    }
}
