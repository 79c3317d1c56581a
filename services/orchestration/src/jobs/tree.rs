//! What becomes of a `workflow` task when runs that it started end.

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::{TaskId, TenantId};

use crate::domain::engine::TaskStatus;
use crate::domain::file::{File, Output, read_files};
use crate::domain::native::{Fault, SubWorkflow, output_name};
use crate::domain::result::TaskResult;
use crate::jobs::desk::Desk;
use crate::jobs::native;
use crate::store::tree::{Failure, Family};
use crate::store::{start, tree};

/// Lets the next items of a fan-out in, or ends the task when no run of it is left. Its run is locked.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub(super) async fn hear(tx: &mut PgConnection, desk: &mut Desk, position: usize, family: &Family) -> Result<()> {
    let run = &desk.runs[position];
    let (tenant, task) = (run.tenant, family.task_id);
    let Some(ordinal) = run.tasks.iter().position(|known| known.id == task) else { return Ok(()) };
    if run.state.tasks[ordinal].status != TaskStatus::Running {
        return Ok(());
    }
    if family.failed + family.cancelled > 0 {
        // What did not begin yet does not begin; what goes on may end.
        start::remove_of_task(tx, tenant, task).await?;
        if family.live == 0
            && let Some(failure) = tree::find_failure(tx, tenant, task).await?
        {
            native::fail(desk, position, ordinal, child_failed(failure));
        }
    } else if family.live == 0 && family.waiting == 0 {
        let result = gather(tx, tenant, task, &desk.runs[position].tasks[ordinal].config, family).await?;
        let attempt = desk.runs[position].state.tasks[ordinal].attempt;
        desk.complete(position, ordinal, attempt, &result);
    } else if family.waiting > family.open {
        let width = SubWorkflow::parse(&desk.runs[position].tasks[ordinal].config).map_or(1, |config| config.width());
        let room = i64::from(width) - family.live - family.open;
        if room > 0 {
            start::open_next(tx, tenant, task, room).await?;
            desk.changes.opened = true;
        }
    }
    Ok(())
}

/// Why a task failed of whose children one did not succeed.
fn child_failed(failure: Failure) -> Fault {
    let item = failure.item.map(|item| format!(" (item {item})")).unwrap_or_default();
    let cause = match (failure.status.as_str(), failure.error_code) {
        ("cancelled", _) => "was cancelled".to_owned(),
        (_, code) => {
            let place = failure.error_task.filter(|task| !task.is_empty()).map(|task| format!(" in {task}"));
            format!(
                "failed{}: {} {}",
                place.unwrap_or_default(),
                code.unwrap_or_default(),
                failure.error_message.unwrap_or_default()
            )
        }
    };
    Fault::new("CHILD_RUN_FAILED", format!("run {} of {:?}{item} {cause}", failure.id, failure.name))
}

/// What the children of a task have come to together: for a fan-out the table of each, else the table named "data", or
/// the first.
async fn gather(
    tx: &mut PgConnection,
    tenant: TenantId,
    task: TaskId,
    config: &str,
    family: &Family,
) -> Result<TaskResult> {
    let rows = tree::list_outputs(tx, tenant, task).await?;
    let handed_back: Vec<(String, File)> =
        rows.iter().filter_map(|(config, files)| Some((output_name(config), read_files(Some(files)).pop()?))).collect();
    let (rows_read, only) = tree::totals(tx, tenant, task).await?;
    let is_fan_out = SubWorkflow::parse(config).is_ok_and(|config| config.is_fan_out());
    let first = handed_back.first().map_or("data", |(name, _)| name.as_str());
    let main = if handed_back.iter().any(|(name, _)| name == "data") { "data" } else { first };
    let files = handed_back.iter().filter(|(name, _)| name == main).map(|(_, file)| file.clone());
    let files: Vec<File> = if is_fan_out { files.collect() } else { files.take(1).collect() };
    let output = |(name, file): &(String, File)| Some(Output { name: name.clone(), ..file.source.clone()? });
    let outputs = if is_fan_out { Vec::new() } else { handed_back.iter().filter_map(output).collect() };
    let result = match only.filter(|_| !is_fan_out) {
        Some(run) => serde_json::json!({ "run_id": run }),
        None => serde_json::json!({ "runs": family.succeeded }),
    };
    Ok(TaskResult {
        rows_in: rows_read.unsigned_abs(),
        result: Some(result.to_string()),
        ..native::handing_on(files, outputs)
    })
}
