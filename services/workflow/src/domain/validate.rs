//! Checks a canvas as a whole: every fault with its place, and the plan when nothing forbids one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::canvas::{self, Atom, Canvas, Connection, Molecule};
use super::catalog::{AtomVersion, Catalog, Lookup};
use super::compile::{self, Compiled, Named, Sequence, Step, UNION};
use super::fault::{Fault, FaultCode};
use super::graph::{self, Edge};
use super::plan::Plan;
use super::selected;

mod config;
mod cycle;
mod inputs;

/// How many faults of a canvas are kept.
const MAX_FAULTS: usize = 200;

/// A canvas that was looked through.
#[derive(Debug)]
pub struct Checked {
    /// The document as it is to be stored.
    pub document: String,
    pub canvas: Canvas,
    /// Those that forbid a save first, otherwise in the order of the document.
    pub faults: Vec<Fault>,
    /// None when a fault forbids even a draft.
    pub plan: Option<Plan>,
}

impl Checked {
    /// Whether a newer catalogue might know better.
    #[must_use]
    pub fn misses_atoms(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.code, FaultCode::UnknownAtom | FaultCode::UnknownVersion))
    }

    /// Ids of the molecules that hold atoms, in order.
    #[must_use]
    pub fn molecules_used(&self) -> Vec<String> {
        let used = self.canvas.molecules.iter().filter(|molecule| !molecule.atoms.is_empty());
        used.map(|molecule| molecule.id.clone()).collect()
    }

    /// Slugs of the atoms, each once, in order.
    #[must_use]
    pub fn atoms_used(&self) -> Vec<String> {
        let mut used: Vec<String> = Vec::new();
        for atom in self.canvas.molecules.iter().flat_map(|molecule| &molecule.atoms) {
            if !used.contains(&atom.slug) {
                used.push(atom.slug.clone());
            }
        }
        used
    }
}

/// Looks through a canvas.
#[must_use]
pub fn check(text: &str, catalog: &Catalog) -> Checked {
    let document = selected::normalise(text).into_owned();
    let (canvas, mut faults) = canvas::parse(&document);
    if canvas.molecules.is_empty() && faults.is_empty() {
        faults.push(Fault::new("molecules", FaultCode::Empty, "hold no atoms"));
    }
    let mut layout = Layout::new(&canvas, catalog);
    faults.append(&mut layout.faults);
    let edges = layout.edges(&mut faults);
    faults.extend(cycle::faults(&layout, &edges));
    // Why: inputs can be counted only when everything else is known.
    let mut plan = None;
    if faults.iter().all(|fault| fault.code.is_draft())
        && let Some(order) = graph::order(layout.nodes.len(), &edges)
    {
        let compiled = layout.compile(&edges, &order, catalog);
        faults.extend(inputs::faults(&layout, &compiled));
        plan = faults.iter().all(|fault| fault.code.is_draft()).then_some(compiled.plan);
    }
    faults.sort_by_key(|fault| fault.code.is_draft());
    faults.truncate(MAX_FAULTS);
    Checked { document, canvas, faults, plan }
}

/// One atom of the canvas with what is known of it.
struct Node<'a> {
    molecule: &'a Molecule,
    atom: &'a Atom,
    version: Option<Arc<AtomVersion>>,
    named: Named,
}

impl Node<'_> {
    /// Its name in connections and plans.
    fn name(&self) -> String {
        format!("{}.{}", self.molecule.id, self.atom.id)
    }

    fn step(&self) -> Step<'_> {
        Step {
            name: self.name(),
            molecule: &self.molecule.id,
            atom: self.atom,
            version: self.version.as_deref(),
            named: &self.named,
        }
    }
}

/// What an end of a connection stands for: the node that data enters by, and the one that it leaves by.
enum End {
    Nodes { first: usize, last: usize },
    EmptyMolecule,
}

/// The atoms of a canvas as numbered nodes, and where each name leads.
struct Layout<'a> {
    canvas: &'a Canvas,
    nodes: Vec<Node<'a>>,
    /// By "molecule" and by "molecule.atom".
    ends: HashMap<String, End>,
    faults: Vec<Fault>,
}

impl<'a> Layout<'a> {
    fn new(canvas: &'a Canvas, catalog: &Catalog) -> Self {
        let mut layout = Self { canvas, nodes: Vec::new(), ends: HashMap::new(), faults: Vec::new() };
        for molecule in &canvas.molecules {
            layout.add(molecule, catalog);
        }
        layout
    }

    fn add(&mut self, molecule: &'a Molecule, catalog: &Catalog) {
        let first = self.nodes.len();
        let mut ids = HashSet::new();
        for atom in &molecule.atoms {
            if !ids.insert(&atom.id) {
                self.duplicate(&atom.id, &atom.place);
            }
            let node = self.nodes.len();
            if !molecule.id.is_empty() && !atom.id.is_empty() {
                let name = format!("{}.{}", molecule.id, atom.id);
                self.ends.entry(name).or_insert(End::Nodes { first: node, last: node });
            }
            let (version, named) = self.look_up(atom, catalog);
            self.nodes.push(Node { molecule, atom, version, named });
        }
        let end = match self.nodes.len() {
            after if after > first => End::Nodes { first, last: after - 1 },
            _ => {
                self.faults.push(Fault::new(&molecule.place, FaultCode::Empty, "holds no atoms"));
                End::EmptyMolecule
            }
        };
        if molecule.id.is_empty() {
            return;
        }
        match self.ends.entry(molecule.id.clone()) {
            Entry::Vacant(free) => _ = free.insert(end),
            Entry::Occupied(_) => self.duplicate(&molecule.id, &molecule.place),
        }
    }

    /// Names an id that stands for two things; an empty one is malformed, and was named by the parser.
    fn duplicate(&mut self, id: &str, place: &str) {
        if !id.is_empty() {
            let message = format!("\"{id}\" is taken by another");
            self.faults.push(Fault::new(format!("{place}.id"), FaultCode::DuplicateId, message));
        }
    }

    fn look_up(&mut self, atom: &Atom, catalog: &Catalog) -> (Option<Arc<AtomVersion>>, Named) {
        let (key, code, message) = match catalog.find(&atom.slug, atom.version.as_deref()) {
            Lookup::Found(version) => {
                let (mut faults, named) = config::check(atom, &version);
                self.faults.append(&mut faults);
                return (Some(version), named);
            }
            // Why: a missing slug was named by the parser.
            Lookup::UnknownAtom if atom.slug.is_empty() => return (None, Named::default()),
            Lookup::UnknownAtom => ("atom", FaultCode::UnknownAtom, format!("there is no atom \"{}\"", atom.slug)),
            Lookup::UnknownVersion => {
                let version = atom.version.as_deref().unwrap_or_default();
                (
                    "version",
                    FaultCode::UnknownVersion,
                    format!("the atom \"{}\" has no version \"{version}\"", atom.slug),
                )
            }
        };
        self.faults.push(Fault::new(format!("{}.{key}", atom.place), code, message));
        (None, Named::default())
    }

    /// The order of atoms within molecules, then the connections that lead somewhere.
    fn edges(&self, faults: &mut Vec<Fault>) -> Vec<Edge> {
        let follows =
            |node: &usize| *node > 0 && std::ptr::eq(self.nodes[node - 1].molecule, self.nodes[*node].molecule);
        let mut edges: Vec<Edge> = (0..self.nodes.len())
            .filter(follows)
            .map(|node| Edge { from: node - 1, to: node, connection: None })
            .collect();
        for (index, connection) in self.canvas.connections.iter().enumerate() {
            edges.extend(self.edge(index, connection, faults));
        }
        edges
    }

    fn edge(&self, index: usize, connection: &Connection, faults: &mut Vec<Fault>) -> Option<Edge> {
        let mut end = |key: &str, name: &str| {
            let end = self.ends.get(name);
            if end.is_none() {
                let message = format!("there is no \"{name}\"");
                faults.push(Fault::new(format!("{}.{key}", connection.place), FaultCode::DanglingEdge, message));
            }
            end
        };
        let (from, to) = (end("from", &connection.from), end("to", &connection.to));
        let (End::Nodes { last: from, .. }, End::Nodes { first: to, .. }) = (from?, to?) else { return None };
        if from == to || connection.from == connection.to {
            let message = format!("\"{}\" is connected to itself", connection.from);
            faults.push(Fault::new(&connection.place, FaultCode::SelfEdge, message));
            return None;
        }
        Some(Edge { from: *from, to: *to, connection: Some(index) })
    }

    /// The plan: only called when every version is known.
    fn compile(&self, edges: &[Edge], order: &[usize], catalog: &Catalog) -> Compiled {
        let steps: Vec<Step<'_>> = self.nodes.iter().map(Node::step).collect();
        let union = match catalog.find(UNION, None) {
            Lookup::Found(union) => Some(union),
            Lookup::UnknownAtom | Lookup::UnknownVersion => None,
        };
        let connections = &self.canvas.connections;
        let sequence = Sequence { steps: &steps, edges, order, connections, union: union.as_deref() };
        compile::compile(&sequence, &self.canvas.settings)
    }
}

#[cfg(test)]
mod tests;
