//! Whether each atom gets as many tables as it takes.

use super::Layout;
use crate::domain::canvas::EdgeType;
use crate::domain::compile::Compiled;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::plan::{Input, Plan, Task};

/// The atom whose tables a fan-out may go over.
const PARTITION: &str = "partition";

/// Faults of tasks with too few, too many or the wrong inputs.
pub(super) fn faults(layout: &Layout<'_>, compiled: &Compiled) -> Vec<Fault> {
    let plan = &compiled.plan;
    let mut faults = Vec::new();
    let mut hands_on: Vec<bool> = Vec::with_capacity(plan.tasks.len());
    let mut has_follower = vec![false; plan.tasks.len()];
    plan.tasks.iter().flat_map(|task| &task.inputs).for_each(|input| has_follower[input.from] = true);
    for (index, task) in plan.tasks.iter().enumerate() {
        // Why: an error edge carries nothing, and neither does what looked at no table.
        let tables = task.inputs.iter().filter(|input| carries(input) && hands_on[input.from]).count();
        hands_on.push(if task.passthrough { tables > 0 } else { !task.outputs.is_empty() });
        let node = &layout.nodes[compiled.step_of[index]];
        let Some(version) = node.version.as_ref().filter(|_| !task.is_join()) else { continue };
        let (least, most) = (version.min_inputs as usize, version.max_inputs as usize);
        let fault = if tables > most {
            Some((FaultCode::TooManyInputs, format!("takes at most {}, has {tables}", inputs(most))))
        } else if tables < least && task.inputs.is_empty() && !has_follower[index] {
            Some((FaultCode::Unconnected, format!("needs {} and is connected to nothing", inputs(least))))
        } else if tables < least {
            Some((FaultCode::MissingInput, format!("needs {}, has {tables}", inputs(least))))
        } else {
            None
        };
        faults.extend(fault.map(|(code, message)| Fault::new(&node.atom.place, code, message)));
        if node.named.over_partitions && source(plan, task).is_none_or(|source| source.atom != PARTITION) {
            let place = format!("{}.config.for_each.partitions", node.atom.place);
            let message = format!("needs the atom \"{PARTITION}\" as its first input");
            faults.push(Fault::new(place, FaultCode::MissingInput, message));
        }
    }
    faults
}

fn carries(input: &Input) -> bool {
    input.edge != EdgeType::Error
}

/// The task that wrote the first table of another, behind those that only hand it on.
fn source<'a>(plan: &'a Plan, task: &'a Task) -> Option<&'a Task> {
    let mut source = &plan.tasks[task.inputs.iter().find(|input| carries(input))?.from];
    while source.passthrough {
        source = &plan.tasks[source.inputs.iter().find(|input| carries(input))?.from];
    }
    Some(source)
}

fn inputs(count: usize) -> String {
    if count == 1 { "1 input".to_owned() } else { format!("{count} inputs") }
}
