//! Cycles in words: the way around, and the connection that closes it.

use super::{Layout, Node};
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::graph::{self, Edge};

/// How many stations of a long way are told from each end.
const TOLD: usize = 8;

/// One fault for each connection that closes a cycle.
pub(super) fn faults(layout: &Layout<'_>, edges: &[Edge]) -> Vec<Fault> {
    if graph::order(layout.nodes.len(), edges).is_some() {
        return Vec::new();
    }
    graph::cycles(layout.nodes.len(), edges)
        .into_iter()
        .map(|cycle| {
            let cycle: Vec<Edge> = cycle.into_iter().map(|index| edges[index]).collect();
            // Invariant: the order within molecules comes first and has no cycle, so a connection closes each.
            let closing = cycle.last().and_then(|edge| edge.connection).expect("a connection closes the cycle");
            Fault::new(&layout.canvas.connections[closing].place, FaultCode::Cycle, told(layout, &cycle))
        })
        .collect()
}

/// The way around, such as "prep → explore → prep"; by atoms when a connection names one.
fn told(layout: &Layout<'_>, cycle: &[Edge]) -> String {
    let connections = cycle.iter().filter_map(|edge| edge.connection).map(|index| &layout.canvas.connections[index]);
    let names_atoms =
        connections.into_iter().any(|connection| connection.from.contains('.') || connection.to.contains('.'));
    let name = |node: &Node<'_>| if names_atoms { node.name() } else { node.molecule.id.clone() };
    let start = cycle.last().map(|edge| name(&layout.nodes[edge.to]));
    let stations =
        cycle.iter().filter(|edge| names_atoms || edge.connection.is_some()).map(|edge| name(&layout.nodes[edge.to]));
    let mut stations: Vec<String> = start.into_iter().chain(stations).collect();
    if stations.len() > 2 * TOLD + 1 {
        stations.splice(TOLD..stations.len() - TOLD, ["…".to_owned()]);
    }
    stations.join(" → ")
}
