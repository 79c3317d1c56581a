//! The files behind the datasets that a plan names.

use std::collections::HashMap;

use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, Violation};
use trinity_ids::{ProjectId, TenantId};
use trinity_proto::registry::{DatasetFormat, ResolveDatasetsRequest};
use trinity_proto::workflow::PlanTask;

use super::Launcher;
use crate::domain::file::File;

/// Finds them, by dataset id.
///
/// # Errors
/// `FailedPrecondition` `DATASET_NOT_FOUND` with every task that names one that is not there; `Unavailable`.
pub(super) async fn resolve(
    launcher: &Launcher,
    ctx: &RequestContext,
    tenant: TenantId,
    project: ProjectId,
    tasks: &[PlanTask],
) -> Result<HashMap<String, File>> {
    let mut dataset_ids: Vec<String> = tasks.iter().flat_map(|task| task.dataset_ids.iter().cloned()).collect();
    dataset_ids.sort_unstable();
    dataset_ids.dedup();
    if dataset_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let message =
        ResolveDatasetsRequest { tenant_id: tenant.to_string(), project_id: project.to_string(), dataset_ids };
    let request = launcher.peers.request(ctx, message);
    let answer = launcher.datasets.clone().resolve_datasets(request).await?.into_inner();
    let files: HashMap<String, File> = answer
        .files
        .into_iter()
        .map(|file| {
            let found = File {
                dataset_id: file.dataset_id.clone(),
                format: format_word(file.format()).to_owned(),
                storage_key: file.storage_key,
                content_hash: file.content_hash,
                source: None,
            };
            (file.dataset_id, found)
        })
        .collect();
    let missing: Vec<Violation> = tasks
        .iter()
        .flat_map(|task| task.dataset_ids.iter().map(move |id| (task, id)))
        .filter(|(_, id)| !files.contains_key(*id))
        .map(|(task, id)| Violation {
            field: task.place.clone(),
            reason: "dataset_not_found".to_owned(),
            message: format!("the project has no dataset {id}"),
        })
        .collect();
    if missing.is_empty() {
        return Ok(files);
    }
    let message = "the workflow names datasets that the project does not have";
    Err(Error::new(Code::FailedPrecondition, "DATASET_NOT_FOUND", message).with_violations(missing))
}

/// A format as workers know it.
fn format_word(format: DatasetFormat) -> &'static str {
    match format {
        DatasetFormat::Csv => "csv",
        DatasetFormat::Excel => "excel",
        DatasetFormat::Json => "json",
        DatasetFormat::Ndjson => "ndjson",
        DatasetFormat::Arrow => "arrow",
        DatasetFormat::Parquet | DatasetFormat::Unspecified => "parquet",
    }
}

/// The format of a word; a table in Parquet when empty.
#[must_use]
pub fn format_of(word: &str) -> DatasetFormat {
    match word {
        "csv" => DatasetFormat::Csv,
        "excel" => DatasetFormat::Excel,
        "json" => DatasetFormat::Json,
        "ndjson" => DatasetFormat::Ndjson,
        "arrow" => DatasetFormat::Arrow,
        _ => DatasetFormat::Parquet,
    }
}
