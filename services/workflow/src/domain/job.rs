//! Jobs: workflows of a project in the order of their dependencies, and the plan that they make.

use std::collections::{HashMap, HashSet};

use serde_json::json;
use serde_json::value::to_raw_value;
use trinity_error::{Code, Error, Result, Violation};
use trinity_ids::{JobId, WorkflowId};

use super::canvas::EdgeType;
use super::fault::{Fault, FaultCode};
use super::graph::{self, Edge};
use super::plan::{Input, Plan, Task};
use super::spot::Wanted;

/// The atom that runs a workflow.
pub const WORKFLOW: &str = "workflow";
/// How many steps a job may have.
const MAX_STEPS: usize = 200;

/// A job to be created.
#[derive(Debug)]
pub struct NewJob {
    pub wanted: Wanted,
    pub name: String,
    pub description: String,
    pub package: String,
    pub steps: Vec<Step>,
    pub notifications: String,
}

/// What is to be changed of a job; None keeps what is there.
#[derive(Debug)]
pub struct ChangeJob {
    pub job: JobId,
    /// The version that the change is based on.
    pub version: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub package: Option<String>,
    pub steps: Option<Vec<Step>>,
    pub notifications: Option<String>,
}

/// One workflow of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub workflow: WorkflowId,
    /// Workflows of the job that must succeed before.
    pub depends_on: Vec<WorkflowId>,
}

/// What is known of a step's workflow.
#[derive(Debug, Clone)]
pub struct Known {
    pub name: String,
    /// Unique among the live workflows of the project.
    pub slug: String,
}

/// Checks what can be said of steps without knowing their workflows.
///
/// # Errors
/// `InvalidArgument` `JOB_INVALID` with every fault at its place.
pub fn check(steps: &[Step]) -> Result<()> {
    if steps.len() > MAX_STEPS {
        return Err(Error::invalid("steps", format!("are more than {MAX_STEPS}")));
    }
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    let all: HashSet<WorkflowId> = steps.iter().map(|step| step.workflow).collect();
    for (index, step) in steps.iter().enumerate() {
        if !seen.insert(step.workflow) {
            faults.push(violation(format!("steps[{index}].workflow_id"), "duplicate_id", "is a step already"));
        }
        let mut before = HashSet::new();
        for (at, dependency) in step.depends_on.iter().enumerate() {
            let field = format!("steps[{index}].depends_on[{at}]");
            if *dependency == step.workflow {
                faults.push(violation(field, "self_edge", "is the step itself"));
            } else if !all.contains(dependency) {
                faults.push(violation(field, "dangling_edge", "is no step of the job"));
            } else if !before.insert(*dependency) {
                faults.push(violation(field, "duplicate_id", "appears twice"));
            }
        }
    }
    refuse(faults)
}

/// Checks that the project has every workflow, and that none waits for itself by way of others.
///
/// # Errors
/// `InvalidArgument` `JOB_INVALID` with every fault at its place.
pub fn check_known(steps: &[Step], known: &HashMap<WorkflowId, Known>) -> Result<()> {
    let missing = steps.iter().enumerate().filter(|(_, step)| !known.contains_key(&step.workflow));
    let missing = missing.map(|(index, step)| {
        let message = format!("the project has no workflow {}", step.workflow);
        violation(format!("steps[{index}].workflow_id"), FaultCode::UnknownWorkflow.word(), message)
    });
    refuse(missing.collect())?;
    let (edges, places) = edges(steps);
    let name = |node: usize| known.get(&steps[node].workflow).map_or("", |known| known.name.as_str());
    let told = |cycle: &[usize]| {
        let stations = cycle.iter().map(|&edge| name(edges[edge].from));
        let end = cycle.last().map(|&edge| name(edges[edge].to));
        stations.chain(end).collect::<Vec<_>>().join(" → ")
    };
    let cycles = graph::cycles(steps.len(), &edges).into_iter().filter_map(|cycle| {
        let place = places[*cycle.last()?].clone();
        Some(violation(place, FaultCode::Cycle.word(), told(&cycle)))
    });
    refuse(cycles.collect())
}

/// The plan: a task for each step, behind all that it depends on; faults when it cannot be run.
#[must_use]
pub fn plan(steps: &[Step], known: &HashMap<WorkflowId, Known>, atom_version: &str) -> (Plan, Vec<Fault>) {
    let mut faults = Vec::new();
    if steps.is_empty() {
        faults.push(Fault::new("steps", FaultCode::Empty, "hold no workflow"));
    }
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| !known.contains_key(&step.workflow)) {
        let message = format!("the project has no workflow {} any more", step.workflow);
        faults.push(Fault::new(format!("steps[{index}].workflow_id"), FaultCode::UnknownWorkflow, message));
    }
    let (edges, _) = edges(steps);
    // Invariant: steps with a cycle are not stored.
    let order = graph::order(steps.len(), &edges).unwrap_or_default();
    let mut task_of = vec![0; steps.len()];
    order.iter().enumerate().for_each(|(task, &step)| task_of[step] = task);
    let tasks = order.iter().map(|&index| {
        let behind = edges.iter().filter(|edge| edge.to == index);
        let input = |edge: &Edge| Input { from: task_of[edge.from], edge: EdgeType::DataFlow, when: String::new() };
        let step = &steps[index];
        let place = known.get(&step.workflow).map_or_else(|| step.workflow.to_string(), |known| known.slug.clone());
        task(step, place, behind.map(input).collect(), atom_version)
    });
    (Plan { tasks: tasks.collect(), ..Plan::default() }, faults)
}

fn task(step: &Step, place: String, inputs: Vec<Input>, atom_version: &str) -> Task {
    Task {
        place,
        molecule: String::new(),
        atom: WORKFLOW.to_owned(),
        atom_version: atom_version.to_owned(),
        // Invariant: an object of texts is JSON.
        config: to_raw_value(&json!({"workflow": step.workflow})).expect("an object of texts is JSON"),
        inputs,
        passthrough: false,
        outputs: vec!["data".to_owned()],
        dataset_ids: Vec::new(),
        max_attempts: 0,
        timeout_ms: 0,
        priority: 0,
        any_input: false,
        backoff_ms: 0,
        max_backoff_ms: 0,
        worker_label: String::new(),
        kind: String::new(),
        secrets: Vec::new(),
    }
}

/// Dependencies between steps by their numbers, and where each is written.
fn edges(steps: &[Step]) -> (Vec<Edge>, Vec<String>) {
    let number: HashMap<WorkflowId, usize> =
        steps.iter().enumerate().map(|(index, step)| (step.workflow, index)).collect();
    let written = steps.iter().enumerate().flat_map(|(to, step)| {
        let dependencies = step.depends_on.iter().enumerate();
        dependencies.map(move |(at, dependency)| (to, dependency, format!("steps[{to}].depends_on[{at}]")))
    });
    let edge = |(to, dependency, place)| Some((Edge { from: *number.get(dependency)?, to, connection: None }, place));
    written.filter_map(edge).unzip()
}

fn violation(field: String, reason: &str, message: impl Into<String>) -> Violation {
    Violation { field, reason: reason.to_owned(), message: message.into() }
}

fn refuse(faults: Vec<Violation>) -> Result<()> {
    let Some(first) = faults.first() else { return Ok(()) };
    let message = format!("the job has a fault at {}: {}", first.field, first.message);
    Err(Error::new(Code::InvalidArgument, "JOB_INVALID", message).with_violations(faults))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps with the dependencies given by number, and their workflows, named "w0", "w1" and so on.
    fn steps(dependencies: &[&[usize]]) -> (Vec<Step>, HashMap<WorkflowId, Known>) {
        let ids: Vec<WorkflowId> = dependencies.iter().map(|_| WorkflowId::new()).collect();
        let step = |(index, before): (usize, &&[usize])| Step {
            workflow: ids[index],
            depends_on: before.iter().map(|&number| ids[number]).collect(),
        };
        let steps = dependencies.iter().enumerate().map(step).collect();
        let known = |(number, id): (usize, &WorkflowId)| {
            (*id, Known { name: format!("w{number}"), slug: format!("s{number}") })
        };
        (steps, ids.iter().enumerate().map(known).collect())
    }

    fn found(refused: Result<()>) -> Vec<(String, String, String)> {
        let error = refused.unwrap_err();
        assert_eq!(error.reason(), "JOB_INVALID");
        let told = |fault: &Violation| (fault.field.clone(), fault.reason.clone(), fault.message.clone());
        error.violations().iter().map(told).collect()
    }

    #[test]
    fn faults_of_steps_are_named_with_their_places() {
        let (mut bad, _) = steps(&[&[], &[0, 0, 1]]);
        bad[1].depends_on.push(WorkflowId::new());
        bad.push(bad[0].clone());
        let places: Vec<_> = found(check(&bad)).into_iter().map(|(field, reason, _)| (field, reason)).collect();
        let expected = [
            ("steps[1].depends_on[1]", "duplicate_id"),
            ("steps[1].depends_on[2]", "self_edge"),
            ("steps[1].depends_on[3]", "dangling_edge"),
            ("steps[2].workflow_id", "duplicate_id"),
        ];
        assert_eq!(places, expected.map(|(field, reason)| (field.to_owned(), reason.to_owned())));
        assert!(check(&steps(&[&[] as &[usize]; 201]).0).is_err());
    }

    #[test]
    fn a_cycle_is_told_by_the_names_of_its_workflows() {
        let (cyclic, known) = steps(&[&[2], &[0], &[1]]);
        check(&cyclic).unwrap();
        let cycle = found(check_known(&cyclic, &known));
        assert_eq!((cycle[0].0.as_str(), cycle[0].1.as_str()), ("steps[2].depends_on[0]", "cycle"));
        assert_eq!(cycle[0].2, "w2 → w0 → w1 → w2");
        let unknown = found(check_known(&cyclic, &HashMap::new()));
        assert_eq!((unknown.len(), unknown[1].0.as_str()), (3, "steps[1].workflow_id"));
        assert_eq!(unknown[0].1, "unknown_workflow");
    }

    #[test]
    fn a_plan_without_its_workflows_has_faults() {
        let (two, mut known) = steps(&[&[], &[0]]);
        known.remove(&two[0].workflow);
        let (_, faults) = plan(&two, &known, "1.0.0");
        assert_eq!((faults.len(), faults[0].place.as_str()), (1, "steps[0].workflow_id"));
        assert_eq!(plan(&[], &known, "1.0.0").1[0].code, FaultCode::Empty);
    }

    proptest! {
        #[test]
        fn every_step_stands_behind_what_it_depends_on(
            dependencies in prop::collection::vec(prop::collection::hash_set(0_usize..30, 0..4), 1..30),
        ) {
            let forward: Vec<Vec<usize>> = dependencies
                .iter()
                .enumerate()
                .map(|(index, before)| before.iter().copied().filter(|&number| number < index).collect())
                .collect();
            let (steps, known) = steps(&forward.iter().map(Vec::as_slice).collect::<Vec<_>>());
            check(&steps).unwrap();
            check_known(&steps, &known).unwrap();
            let (plan, faults) = plan(&steps, &known, "1.0.0");
            prop_assert!(faults.is_empty());
            prop_assert_eq!(plan.tasks.len(), steps.len());
            for (index, task) in plan.tasks.iter().enumerate() {
                prop_assert!(task.inputs.iter().all(|input| input.from < index));
            }
            let edges: usize = plan.tasks.iter().map(|task| task.inputs.len()).sum();
            prop_assert_eq!(edges, forward.iter().map(Vec::len).sum::<usize>());
        }
    }
}
