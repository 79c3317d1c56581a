//! Order and cycles of a directed graph whose nodes are numbers.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

/// How many cycles are looked for.
const MAX_CYCLES: usize = 20;

/// An edge; `connection` is the one that it came from, if it was not the order of atoms in a molecule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub connection: Option<usize>,
}

/// An order in which each node stands behind all that lead to it, the smallest number first where there is a choice.
/// None when there is a cycle.
#[must_use]
pub fn order(nodes: usize, edges: &[Edge]) -> Option<Vec<usize>> {
    let outgoing = outgoing(nodes, edges);
    let mut waiting_for = vec![0_usize; nodes];
    for edge in edges {
        waiting_for[edge.to] += 1;
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..nodes).filter(|&node| waiting_for[node] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes);
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for &edge in &outgoing[node] {
            let to = edges[edge].to;
            waiting_for[to] -= 1;
            if waiting_for[to] == 0 {
                ready.push(Reverse(to));
            }
        }
    }
    (order.len() == nodes).then_some(order)
}

/// Every edge that closes a cycle, taking edges in their order, with the shortest way around: edges that start where
/// the closing one ends, and end with the closing one.
///
/// Invariant: without the closing edges the graph has no cycle, unless there are more than twenty.
#[must_use]
pub fn cycles(nodes: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut cycles = Vec::new();
    let mut taken: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    for (index, edge) in edges.iter().enumerate() {
        match way(&taken, edges, edge.to, edge.from) {
            None => taken[edge.from].push(index),
            Some(mut way) => {
                way.push(index);
                cycles.push(way);
                if cycles.len() == MAX_CYCLES {
                    break;
                }
            }
        }
    }
    cycles
}

/// The shortest way from `start` to `goal`, as edges; empty when they are the same.
fn way(outgoing: &[Vec<usize>], edges: &[Edge], start: usize, goal: usize) -> Option<Vec<usize>> {
    let mut came_by: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        if node == goal {
            return Some(retrace(&came_by, edges, start, goal));
        }
        for &edge in &outgoing[node] {
            let to = edges[edge].to;
            if to != start && !came_by.contains_key(&to) {
                came_by.insert(to, edge);
                queue.push_back(to);
            }
        }
    }
    None
}

fn retrace(came_by: &HashMap<usize, usize>, edges: &[Edge], start: usize, goal: usize) -> Vec<usize> {
    let mut way = Vec::new();
    let mut node = goal;
    while node != start {
        way.push(came_by[&node]);
        node = edges[came_by[&node]].from;
    }
    way.reverse();
    way
}

fn outgoing(nodes: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut outgoing = vec![Vec::new(); nodes];
    for (index, edge) in edges.iter().enumerate() {
        outgoing[edge.from].push(index);
    }
    outgoing
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn any_graph() -> impl Strategy<Value = (usize, Vec<Edge>)> {
        (1_usize..40).prop_flat_map(|nodes| {
            let edge = (0..nodes, 0..nodes).prop_map(|(from, to)| Edge { from, to, connection: None });
            (Just(nodes), prop::collection::vec(edge, 0..80))
        })
    }

    proptest! {
        #[test]
        fn forward_edges_have_an_order_with_every_node_once((nodes, mut edges) in any_graph()) {
            edges.retain(|edge| edge.from < edge.to);
            let order = order(nodes, &edges).unwrap();
            prop_assert_eq!(order.iter().collect::<HashSet<_>>().len(), nodes);
            let mut position = vec![0; nodes];
            order.iter().enumerate().for_each(|(at, &node)| position[node] = at);
            for edge in &edges {
                prop_assert!(position[edge.from] < position[edge.to]);
            }
            prop_assert!(cycles(nodes, &edges).is_empty());
        }

        #[test]
        fn a_graph_without_order_has_true_cycles((nodes, edges) in any_graph()) {
            let found = cycles(nodes, &edges);
            prop_assert_eq!(order(nodes, &edges).is_none(), !found.is_empty());
            for cycle in &found {
                let around = cycle.iter().zip(cycle.iter().cycle().skip(1));
                for (&edge, &next) in around {
                    prop_assert_eq!(edges[edge].to, edges[next].from);
                }
            }
            if found.len() < MAX_CYCLES {
                let closing: HashSet<usize> = found.iter().filter_map(|cycle| cycle.last().copied()).collect();
                let rest: Vec<Edge> = (0..edges.len()).filter(|edge| !closing.contains(edge)).map(|edge| edges[edge]).collect();
                prop_assert!(order(nodes, &rest).is_some());
            }
        }
    }
}
