//! Whether each atom gets as many tables as it takes.

use super::Layout;
use crate::domain::canvas::EdgeType;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::plan::Plan;

/// Faults of tasks with too few or too many inputs; `order[task]` is the task's node.
pub(super) fn faults(layout: &Layout<'_>, order: &[usize], plan: &Plan) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut hands_on: Vec<bool> = Vec::with_capacity(plan.tasks.len());
    let mut has_follower = vec![false; plan.tasks.len()];
    plan.tasks.iter().flat_map(|task| &task.inputs).for_each(|input| has_follower[input.from] = true);
    for (index, task) in plan.tasks.iter().enumerate() {
        // Why: an error edge carries nothing, and neither does what looked at no table.
        let tables = task.inputs.iter().filter(|input| input.edge != EdgeType::Error && hands_on[input.from]).count();
        hands_on.push(if task.passthrough { tables > 0 } else { !task.outputs.is_empty() });
        let node = &layout.nodes[order[index]];
        let Some(version) = &node.version else { continue };
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
    }
    faults
}

fn inputs(count: usize) -> String {
    if count == 1 { "1 input".to_owned() } else { format!("{count} inputs") }
}
