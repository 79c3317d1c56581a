//! Carries out the tasks that need no worker: the doors between a run and its parent, and the start of runs below.

use trinity_ids::RunId;

use crate::domain::engine::Event;
use crate::domain::file::{File, Output};
use crate::domain::native::{Child, Fault, INPUT, OUTPUT, SubWorkflow, WORKFLOW, input, output_name};
use crate::domain::order::{MAX_DEPTH, Parent, Target, Trigger};
use crate::domain::result::TaskResult;
use crate::jobs::desk::{Desk, Outcome, signed};
use crate::jobs::input::Ending;
use crate::store::start::NewStart;

/// Begins a task; most end at once.
pub(super) fn begin(desk: &mut Desk, position: usize, ordinal: usize) {
    desk.carry_out(position, Event::Started { ordinal }, None);
    let attempt = desk.runs[position].state.tasks[ordinal].attempt;
    desk.change(position, ordinal).started = Some(signed(attempt as usize));
    match carry_out(desk, position, ordinal) {
        Ok(Some(result)) => desk.complete(position, ordinal, attempt, &result),
        Ok(None) => {}
        Err(fault) => fail(desk, position, ordinal, fault),
    }
}

/// Ends a task that has failed for good.
pub(super) fn fail(desk: &mut Desk, position: usize, ordinal: usize, fault: Fault) {
    let attempt = desk.runs[position].state.tasks[ordinal].attempt;
    let ending = Ending::Failed { code: fault.code.to_owned(), message: fault.message, retryable: false };
    let event = Event::Failed { ordinal, attempt, retryable: false };
    desk.carry_out(position, event, Some(Outcome::Failed(&ending)));
}

/// The result of a task that ends at once; none for one that waits for other runs.
fn carry_out(desk: &mut Desk, position: usize, ordinal: usize) -> Result<Option<TaskResult>, Fault> {
    let run = &desk.runs[position];
    let task = &run.tasks[ordinal];
    match task.atom.as_str() {
        WORKFLOW => {
            let starts = starts(desk, position, ordinal)?;
            if starts.is_empty() {
                return Ok(Some(TaskResult { result: Some(r#"{"runs":0}"#.to_owned()), ..TaskResult::default() }));
            }
            desk.changes.starts.extend(starts);
            Ok(None)
        }
        INPUT => {
            let given: Vec<File> =
                run.inputs.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            Ok(Some(handing_on(vec![input(&task.config, &given)?.clone()], Vec::new())))
        }
        OUTPUT => {
            let name = output_name(&task.config);
            let outputs = task.inputs.iter().take(1).filter_map(|file| file.source.clone());
            let outputs = outputs.map(|source| Output { name: name.clone(), ..source }).collect();
            Ok(Some(handing_on(task.inputs.iter().take(1).cloned().collect(), outputs)))
        }
        // A table of a fan-out that has none to be put together with.
        _ => Ok(Some(handing_on(task.inputs.clone(), Vec::new()))),
    }
}

/// The result of a task that hands on files as they are.
pub(super) fn handing_on(files: Vec<File>, outputs: Vec<Output>) -> TaskResult {
    let rows_out = files.iter().filter_map(|file| file.source.as_ref()).map(|source| source.rows).sum();
    TaskResult { handed_on: files, outputs, rows_out, ..TaskResult::default() }
}

/// The runs that a `workflow` task starts.
fn starts(desk: &Desk, position: usize, ordinal: usize) -> Result<Vec<NewStart>, Fault> {
    let run = &desk.runs[position];
    let task = &run.tasks[ordinal];
    if run.depth >= MAX_DEPTH {
        return Err(Fault::new("RUN_TREE_TOO_DEEP", format!("{MAX_DEPTH} runs lie above this one already")));
    }
    let config = SubWorkflow::parse(&task.config)?;
    let parts = run.state.tasks[ordinal].upstream.iter().map(|edge| &run.tasks[edge.from].parts);
    let parts = parts.into_iter().find(|parts| !parts.is_empty()).cloned().unwrap_or_default();
    let context = run.context.as_deref().unwrap_or("{}");
    let children = config.children(context, task.inputs.clone(), &parts)?;
    let width = config.width() as usize;
    let start = |(index, child): (usize, Child)| NewStart {
        id: RunId::new(),
        context: child.context,
        parent: Some(Parent { run: run.id, task: task.id, item: child.item }),
        priority: run.priority,
        depth: run.depth + 1,
        inputs: serde_json::to_string(&child.inputs).ok(),
        timeout_ms: task.timeout_ms.unsigned_abs(),
        closed: index >= width,
        ..NewStart::new(
            run.tenant,
            Target::Workflow(config.workflow, config.version),
            run.project,
            Trigger::Parent,
            run.created_by,
        )
    };
    Ok(children.into_iter().enumerate().map(start).collect())
}
