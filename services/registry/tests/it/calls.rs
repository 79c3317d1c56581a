//! One call of every RPC that is about a project or a dataset, in an order in which all of them can succeed.

use futures::TryStreamExt;
use tonic::Status;
use trinity_proto::registry as pb;

use crate::stand::{Person, Stand, reason};

/// The RPCs by name, each with its outcome.
pub type Outcomes = Vec<(&'static str, Result<(), Status>)>;

/// Calls that change nothing.
pub const READS: [&str; 6] =
    ["GetProject", "ListDatasets", "GetDataset", "GetDatasetSchema", "PreviewDataset", "DownloadDataset"];

/// Calls them all in the name of `person`.
pub async fn call_all(stand: &Stand, person: &Person, project: &str, dataset: &str) -> Outcomes {
    let (project_id, dataset_id) = (project.to_owned(), dataset.to_owned());
    let (mut projects, mut datasets) = (stand.projects(), stand.datasets());
    let mut outcomes: Outcomes = Vec::new();
    macro_rules! call {
        ($client:ident, $name:literal, $method:ident, $message:ident { $($field:ident: $value:expr),+ $(,)? }) => {
            #[allow(clippy::needless_update)]
            let message = pb::$message { $($field: $value.clone()),+, ..pb::$message::default() };
            outcomes.push(($name, $client.$method(person.says(message)).await.map(drop)));
        };
    }
    call!(projects, "GetProject", get_project, GetProjectRequest { project_id: project_id });
    call!(datasets, "ListDatasets", list_datasets, ListDatasetsRequest { project_id: project_id });
    call!(datasets, "GetDataset", get_dataset, GetDatasetRequest { dataset_id: dataset_id });
    call!(datasets, "GetDatasetSchema", get_dataset_schema, GetDatasetSchemaRequest { dataset_id: dataset_id });
    call!(datasets, "PreviewDataset", preview_dataset, PreviewDatasetRequest { dataset_id: dataset_id });
    outcomes.push(("DownloadDataset", download(stand, person, dataset).await.map(drop)));
    outcomes.push(("UploadDataset", stand.upload(person, project, "more.csv", b"a\n1\n").await.map(drop)));
    let description = Some("changed".to_owned());
    call!(
        projects,
        "UpdateProject",
        update_project,
        UpdateProjectRequest { project_id: project_id, description: description }
    );
    call!(datasets, "DeleteDataset", delete_dataset, DeleteDatasetRequest { dataset_id: dataset_id });
    call!(projects, "DeleteProject", delete_project, DeleteProjectRequest { project_id: project_id });
    call!(projects, "RestoreProject", restore_project, RestoreProjectRequest { project_id: project_id });
    outcomes
}

/// The bytes of a dataset.
pub async fn download(stand: &Stand, person: &Person, dataset: &str) -> Result<Vec<u8>, Status> {
    let request = pb::DownloadDatasetRequest { dataset_id: dataset.to_owned() };
    let answer = stand.datasets().download_dataset(person.says(request)).await?.into_inner();
    let messages: Vec<_> = answer.try_collect().await?;
    Ok(messages.iter().flat_map(|message| message.chunk.iter().copied()).collect())
}

/// The outcomes as words: `OK`, or the reason of the refusal.
pub fn words(outcomes: &Outcomes) -> Vec<(&'static str, String)> {
    let word = |outcome: &Result<(), Status>| outcome.as_ref().map_or_else(reason, |()| "OK".to_owned());
    outcomes.iter().map(|(name, outcome)| (*name, word(outcome))).collect()
}
