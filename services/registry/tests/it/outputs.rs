//! What other services record and ask about datasets.

use tonic::Code;
use trinity_ids::{DatasetId, RunId, TaskId};
use trinity_proto::registry as pb;

use crate::stand::{Person, Stand, field};

fn output(person: &Person, project: &str, id: &str, attempt: u32) -> pb::Output {
    pb::Output {
        dataset_id: id.to_owned(),
        tenant_id: person.tenant.to_string(),
        project_id: project.to_owned(),
        run_id: RunId::new().to_string(),
        task_id: TaskId::new().to_string(),
        attempt,
        created_by: person.user.to_string(),
        name: format!("attempt {attempt}"),
        format: pb::DatasetFormat::Parquet.into(),
        storage_key: format!("tenant-{}/attempt-{attempt}", person.tenant),
        size_bytes: 10,
        rows: 3,
        schema: vec![pb::Column { name: "a".into(), r#type: "int64".into(), nullable: true }],
        content_hash: "abc".into(),
    }
}

async fn register(stand: &Stand, outputs: Vec<pb::Output>) -> Result<(), tonic::Status> {
    let request = stand.service_says(pb::RegisterOutputsRequest { outputs });
    stand.datasets().register_outputs(request).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_attempt_never_replaces_a_newer_one() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let id = DatasetId::new().to_string();
    for attempts in [vec![1], vec![3, 2], vec![2], vec![3]] {
        let outputs = attempts.iter().map(|attempt| output(&anna, &project, &id, *attempt)).collect();
        register(&stand, outputs).await.unwrap();
    }
    let listed = stand.list_datasets(&anna, &project).await;
    assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].origin()), (1, "attempt 3", pb::DatasetOrigin::Run));
    assert_eq!((listed[0].rows, listed[0].schema[0].r#type.as_str()), (Some(3), "int64"));
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_of_many_tenants_come_in_one_batch() {
    let stand = Stand::new().await;
    let (anna, bob) = (stand.person("editor"), stand.person("editor"));
    let hers = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let his = stand.create_project(&bob, "Weather", "{}").await.unwrap().id;
    let new = || DatasetId::new().to_string();
    let first = output(&anna, &hers, &new(), 1);
    // The last names a project of another tenant: it is not his to write to.
    register(
        &stand,
        vec![
            first.clone(),
            output(&bob, &his, &new(), 1),
            output(&anna, &hers, &new(), 1),
            output(&bob, &hers, &new(), 1),
        ],
    )
    .await
    .unwrap();
    assert_eq!(stand.list_datasets(&anna, &hers).await.len(), 2);
    assert_eq!(stand.list_datasets(&bob, &his).await.len(), 1);
    let request =
        pb::ListDatasetsRequest { project_id: hers, run_id: first.run_id, ..pb::ListDatasetsRequest::default() };
    let of_run = stand.datasets().list_datasets(anna.says(request)).await.unwrap().into_inner().datasets;
    assert_eq!(of_run.iter().map(|dataset| dataset.id.as_str()).collect::<Vec<_>>(), [first.dataset_id]);
    let bad = pb::Output { task_id: "7".into(), ..output(&anna, &his, &new(), 1) };
    assert_eq!(field(&register(&stand, vec![bad]).await.unwrap_err()), "outputs[0].task_id");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_never_replaces_what_somebody_uploaded() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let uploaded = stand.upload(&anna, &project, "mine.csv", b"a\n1\n").await.unwrap();
    register(&stand, vec![output(&anna, &project, &uploaded.id, 9)]).await.unwrap();
    assert_eq!(stand.list_datasets(&anna, &project).await, [uploaded]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_resolved_within_one_project_only() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let other = stand.create_project(&anna, "Other", "{}").await.unwrap().id;
    let wanted = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap();
    let elsewhere = stand.upload(&anna, &other, "b.csv", b"a\n1\n").await.unwrap();
    let request = pb::ResolveDatasetsRequest {
        tenant_id: anna.tenant.to_string(),
        project_id: project.clone(),
        dataset_ids: vec![wanted.id.clone(), elsewhere.id, DatasetId::new().to_string(), "no id".into()],
    };
    let files =
        stand.datasets().resolve_datasets(stand.service_says(request.clone())).await.unwrap().into_inner().files;
    assert_eq!(files.len(), 1);
    assert_eq!(
        (&files[0].dataset_id, &files[0].content_hash, files[0].size_bytes),
        (&wanted.id, &wanted.content_hash, 4)
    );
    assert!(files[0].storage_key.starts_with(&format!("tenant-{}/project-{project}/shared/", anna.tenant)));
    let foreign =
        pb::ResolveDatasetsRequest { tenant_id: stand.person("editor").tenant.to_string(), ..request.clone() };
    assert!(
        stand.datasets().resolve_datasets(stand.service_says(foreign)).await.unwrap().into_inner().files.is_empty()
    );
    assert_eq!(stand.datasets().resolve_datasets(anna.says(request)).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_two_datasets_share_stays_until_both_are_gone() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let uploaded = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap();
    let resolve = pb::ResolveDatasetsRequest {
        tenant_id: anna.tenant.to_string(),
        project_id: project.clone(),
        dataset_ids: vec![uploaded.id.clone()],
    };
    let files = stand.datasets().resolve_datasets(stand.service_says(resolve)).await.unwrap().into_inner().files;
    let twin = pb::Output {
        storage_key: files[0].storage_key.clone(),
        ..output(&anna, &project, &DatasetId::new().to_string(), 1)
    };
    register(&stand, vec![twin.clone()]).await.unwrap();
    for (id, left) in [(uploaded.id, 1), (twin.dataset_id, 0)] {
        stand.datasets().delete_dataset(anna.says(pb::DeleteDatasetRequest { dataset_id: id })).await.unwrap();
        assert_eq!(stand.files().len(), left);
    }
}
