//! From atoms and edges to a plan.

use serde_json::value::RawValue;

use super::canvas::{Atom, Connection, EdgeType, Settings};
use super::catalog::AtomVersion;
use super::graph::Edge;
use super::plan::{Call, Input, JOIN, Plan, Task};

/// The atom that puts the tables of a fan-out under each other.
pub const UNION: &str = "union";

/// One atom of the canvas as the compiler takes it.
#[derive(Debug)]
pub struct Step<'a> {
    /// Such as `prep.clean`.
    pub name: String,
    pub molecule: &'a str,
    pub atom: &'a Atom,
    pub version: Option<&'a AtomVersion>,
    pub named: &'a Named,
}

/// What a config names, and says of how its atom is executed.
#[derive(Debug, Default)]
pub struct Named {
    pub dataset_ids: Vec<String>,
    pub secrets: Vec<String>,
    /// Other workflows that are a part of this one.
    pub calls: Vec<Call>,
    /// Empty for workers with the built-in atoms.
    pub worker_label: String,
    /// Whether it starts a run for each of many items.
    pub fans_out: bool,
    /// Whether these are the parts of its first input.
    pub over_partitions: bool,
}

/// A canvas in the order of execution.
#[derive(Debug)]
pub struct Sequence<'a> {
    pub steps: &'a [Step<'a>],
    /// Those within molecules stand first.
    pub edges: &'a [Edge],
    /// Steps, each behind all that lead to it.
    pub order: &'a [usize],
    pub connections: &'a [Connection],
    /// What joins fan-outs.
    pub union: Option<&'a AtomVersion>,
}

/// A plan, and the step behind each of its tasks.
#[derive(Debug)]
pub struct Compiled {
    pub plan: Plan,
    pub step_of: Vec<usize>,
}

/// Turns steps into tasks; a fan-out gets a task behind it that makes one table of many.
#[must_use]
pub fn compile(sequence: &Sequence<'_>, settings: &Settings) -> Compiled {
    let mut compiler = Compiler {
        task_of: vec![0; sequence.steps.len()],
        outlet_of: vec![0; sequence.steps.len()],
        tasks: Vec::new(),
        step_of: Vec::new(),
    };
    let mut incoming: Vec<Vec<&Edge>> = vec![Vec::new(); sequence.steps.len()];
    sequence.edges.iter().for_each(|edge| incoming[edge.to].push(edge));
    for &step in sequence.order {
        compiler.add(sequence, step, &incoming[step]);
    }
    let calls = sequence.steps.iter().flat_map(|step| &step.named.calls).cloned().collect();
    let concurrency = settings.concurrency.as_ref();
    let plan = Plan {
        tasks: compiler.tasks,
        timeout_ms: settings.timeout_ms,
        priority: settings.priority,
        concurrency_key: concurrency.map(|concurrency| concurrency.key.clone()).unwrap_or_default(),
        concurrency_limit: concurrency.map_or(0, |concurrency| concurrency.limit),
        calls,
    };
    Compiled { plan, step_of: compiler.step_of }
}

struct Compiler {
    /// By step: its task, and the one whose output is that of the step.
    task_of: Vec<usize>,
    outlet_of: Vec<usize>,
    tasks: Vec<Task>,
    step_of: Vec<usize>,
}

impl Compiler {
    fn add(&mut self, sequence: &Sequence<'_>, index: usize, incoming: &[&Edge]) {
        let inputs = incoming.iter().map(|edge| {
            let connection = edge.connection.map(|connection| &sequence.connections[connection]);
            self.input(edge.from, connection)
        });
        let step = &sequence.steps[index];
        let task = task(step, inputs.collect());
        self.task_of[index] = self.push(task, index);
        self.outlet_of[index] = self.task_of[index];
        if step.named.fans_out {
            let join = join(&self.tasks[self.task_of[index]], self.task_of[index], sequence.union);
            self.outlet_of[index] = self.push(join, index);
        }
    }

    fn push(&mut self, task: Task, step: usize) -> usize {
        self.tasks.push(task);
        self.step_of.push(step);
        self.tasks.len() - 1
    }

    fn input(&self, from: usize, connection: Option<&Connection>) -> Input {
        let (edge, when) = match connection {
            None => (EdgeType::DataFlow, String::new()),
            Some(connection) => (connection.edge, connection.when.clone()),
        };
        // Why: what fails is the fan-out; the join behind it is then skipped.
        let from = if edge == EdgeType::Error { self.task_of[from] } else { self.outlet_of[from] };
        Input { from, edge, when }
    }
}

fn task(step: &Step<'_>, inputs: Vec<Input>) -> Task {
    let Step { name, molecule, atom, version, named } = step;
    Task {
        place: name.clone(),
        molecule: (*molecule).to_owned(),
        atom: atom.slug.clone(),
        atom_version: version.map(|version| version.version.clone()).unwrap_or_default(),
        config: atom.config.clone(),
        inputs,
        passthrough: version.is_some_and(|version| version.passthrough),
        outputs: version.map(|version| version.outputs.clone()).unwrap_or_default(),
        dataset_ids: named.dataset_ids.clone(),
        max_attempts: atom.max_attempts,
        timeout_ms: atom.timeout_ms,
        priority: atom.priority,
        any_input: atom.any_input,
        backoff_ms: atom.backoff_ms,
        max_backoff_ms: atom.max_backoff_ms,
        worker_label: named.worker_label.clone(),
        kind: version.map(|version| version.kind.clone()).unwrap_or_default(),
        secrets: named.secrets.clone(),
    }
}

/// The task behind a fan-out.
fn join(fan_out: &Task, from: usize, union: Option<&AtomVersion>) -> Task {
    Task {
        place: format!("{}{JOIN}", fan_out.place),
        molecule: fan_out.molecule.clone(),
        atom: UNION.to_owned(),
        atom_version: union.map(|union| union.version.clone()).unwrap_or_default(),
        // Invariant: an empty object is JSON.
        config: RawValue::from_string("{}".to_owned()).expect("an empty object is JSON"),
        inputs: vec![Input { from, edge: EdgeType::DataFlow, when: String::new() }],
        passthrough: false,
        outputs: union.map(|union| union.outputs.clone()).unwrap_or_default(),
        dataset_ids: Vec::new(),
        max_attempts: fan_out.max_attempts,
        timeout_ms: fan_out.timeout_ms,
        priority: fan_out.priority,
        any_input: false,
        backoff_ms: fan_out.backoff_ms,
        max_backoff_ms: fan_out.max_backoff_ms,
        worker_label: String::new(),
        kind: union.map(|union| union.kind.clone()).unwrap_or_default(),
        secrets: Vec::new(),
    }
}
