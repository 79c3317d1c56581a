//! Notes which datasets tasks made, in the transaction that records their results.

use std::collections::HashSet;

use sqlx::PgConnection;
use trinity_error::Result;
use trinity_ids::TaskId;
use trinity_proto::orchestration as pb;

use crate::jobs::input::Ending;
use crate::jobs::registrar::dataset_id;
use crate::jobs::settle::{Ended, Settled};
use crate::store::lineage::{self, Column, New, Source};

/// How many columns of one output are noted.
const MAX_COLUMNS: usize = 2_000;

/// Notes the outputs of those results that were recorded just now.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn note(tx: &mut PgConnection, ended: &[Ended], settled: &Settled) -> Result<()> {
    let with_outputs = ended.iter().filter_map(|one| match &one.ending {
        Ending::Completed(result) if !result.outputs.is_empty() => Some((one.key, result)),
        _ => None,
    });
    let with_outputs: Vec<_> = with_outputs.collect();
    if with_outputs.is_empty() {
        return Ok(());
    }
    let recorded: HashSet<TaskId> =
        settled.tasks.iter().filter(|(.., status)| *status == "completed").map(|(_, _, task, _)| *task).collect();
    let new: Vec<New> = with_outputs
        .into_iter()
        .filter(|(key, _)| recorded.contains(&key.task_id))
        .flat_map(|(key, result)| {
            result.outputs.iter().filter_map(move |output| {
                Some(New {
                    tenant: key.tenant_id,
                    run: key.run_id,
                    ordinal: key.ordinal,
                    dataset: dataset_id(key.task_id, &output.name).parse().ok()?,
                    name: output.name.clone(),
                    columns: columns(&output.lineage),
                })
            })
        })
        .collect();
    if new.is_empty() { Ok(()) } else { lineage::insert(tx, &new).await }
}

fn columns(lineage: &[pb::ColumnLineage]) -> String {
    let source = |source: &pb::ColumnSource| Source { input: source.input, column: source.column.clone() };
    let columns: Vec<Column> = lineage
        .iter()
        .take(MAX_COLUMNS)
        .map(|one| Column { column: one.column.clone(), sources: one.sources.iter().map(source).collect() })
        .collect();
    serde_json::to_string(&columns).unwrap_or_else(|_| "[]".to_owned())
}
