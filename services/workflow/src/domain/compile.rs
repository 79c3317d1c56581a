//! From atoms and edges to a plan.

use super::canvas::{Atom, Connection, EdgeType};
use super::catalog::AtomVersion;
use super::graph::Edge;
use super::plan::{Input, Plan, Task};

/// One atom of the canvas as the compiler takes it.
#[derive(Debug)]
pub struct Step<'a> {
    /// Such as `prep.clean`.
    pub name: String,
    pub molecule: &'a str,
    pub atom: &'a Atom,
    pub version: Option<&'a AtomVersion>,
    pub dataset_ids: &'a [String],
}

/// Turns steps into tasks in the given order; edges are taken in theirs, so those within molecules stand first.
#[must_use]
pub fn compile(steps: &[Step<'_>], edges: &[Edge], order: &[usize], connections: &[Connection]) -> Plan {
    let mut task_of = vec![0; steps.len()];
    order.iter().enumerate().for_each(|(task, &node)| task_of[node] = task);
    let mut inputs: Vec<Vec<Input>> = vec![Vec::new(); steps.len()];
    for edge in edges {
        inputs[edge.to].push(input(task_of[edge.from], edge.connection.map(|index| &connections[index])));
    }
    let tasks = order.iter().map(|&node| task(&steps[node], std::mem::take(&mut inputs[node]))).collect();
    Plan { tasks }
}

fn input(from: usize, connection: Option<&Connection>) -> Input {
    match connection {
        None => Input { from, edge: EdgeType::DataFlow, when: String::new() },
        Some(connection) => Input { from, edge: connection.edge, when: connection.when.clone() },
    }
}

fn task(step: &Step<'_>, inputs: Vec<Input>) -> Task {
    let Step { name, molecule, atom, version, dataset_ids } = step;
    Task {
        place: name.clone(),
        molecule: (*molecule).to_owned(),
        atom: atom.slug.clone(),
        atom_version: version.map(|version| version.version.clone()).unwrap_or_default(),
        config: atom.config.clone(),
        inputs,
        passthrough: version.is_some_and(|version| version.passthrough),
        outputs: version.map(|version| version.outputs.clone()).unwrap_or_default(),
        dataset_ids: dataset_ids.to_vec(),
        max_attempts: atom.max_attempts,
        timeout_ms: atom.timeout_ms,
        priority: atom.priority,
    }
}
