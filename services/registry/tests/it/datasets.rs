//! Datasets from upload to deletion, on the worked example's real data.

use futures::TryStreamExt;
use serde_json::Value;
use tonic::Code;
use trinity_ids::DatasetId;
use trinity_proto::registry as pb;

use crate::stand::{Stand, field, reason};

const SEATTLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/seattle-weather/seattle-weather.csv");

fn seattle() -> Vec<u8> {
    std::fs::read(SEATTLE).expect("the worked example's data")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_is_described_and_shown() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let file = seattle();
    let dataset = stand.upload(&anna, &project, "seattle-weather.csv", &file).await.unwrap();
    assert_eq!((dataset.name.as_str(), dataset.format()), ("seattle-weather", pb::DatasetFormat::Csv));
    assert_eq!((dataset.rows, dataset.size_bytes, dataset.problem.as_deref()), (Some(1461), file.len() as u64, None));
    assert_eq!(
        (dataset.origin(), dataset.created_by.as_str()),
        (pb::DatasetOrigin::Upload, anna.user.to_string().as_str())
    );
    let columns: Vec<_> =
        dataset.schema.iter().map(|column| (column.name.as_str(), column.r#type.as_str(), column.nullable)).collect();
    let expected = [
        ("date", "date", false),
        ("precipitation", "float64", false),
        ("temp_max", "float64", false),
        ("temp_min", "float64", false),
        ("wind", "float64", false),
        ("weather", "string", false),
    ];
    assert_eq!(columns, expected);

    let preview = stand.preview(&anna, &dataset.id, 2).await.unwrap();
    assert_eq!(preview.columns, dataset.schema);
    let rows: Vec<_> = preview.rows.iter().map(|row| row.text.as_str()).collect();
    assert_eq!(
        rows,
        [
            r#"{"date":"2012-01-01","precipitation":0.0,"temp_max":12.8,"temp_min":5.0,"wind":4.7,"weather":"drizzle"}"#,
            r#"{"date":"2012-01-02","precipitation":10.9,"temp_max":10.6,"temp_min":2.8,"wind":4.5,"weather":"rain"}"#,
        ]
    );
    assert_eq!(stand.preview(&anna, &dataset.id, 200).await.unwrap().rows.len(), 200);
    assert_eq!(field(&stand.preview(&anna, &dataset.id, 201).await.unwrap_err()), "rows");

    let request = pb::GetDatasetRequest { dataset_id: dataset.id.clone() };
    let read = stand.datasets().get_dataset(anna.says(request)).await.unwrap().into_inner().dataset.unwrap();
    assert_eq!(read, dataset);
    let request = pb::GetDatasetSchemaRequest { dataset_id: dataset.id.clone() };
    let schema = stand.datasets().get_dataset_schema(anna.says(request)).await.unwrap().into_inner();
    assert_eq!(schema.columns, dataset.schema);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_the_file_that_was_uploaded() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let mut file = seattle();
    while file.len() < 3 << 20 {
        file.extend_from_within(..);
    }
    let dataset = stand.upload(&anna, &project, "weather: all.csv", &file).await.unwrap();
    let request = pb::DownloadDatasetRequest { dataset_id: dataset.id };
    let answer = stand.datasets().download_dataset(anna.says(request)).await.unwrap().into_inner();
    let messages: Vec<_> = answer.try_collect().await.unwrap();
    let header = messages[0].header.clone().unwrap();
    assert_eq!((header.filename.as_str(), header.size_bytes), ("weather_ all.csv", file.len() as u64));
    assert_eq!(header.content_type, "text/csv; charset=utf-8");
    assert!(messages.len() > 2 && messages[1..].iter().all(|message| message.header.is_none()));
    let bytes: Vec<u8> = messages.iter().flat_map(|message| message.chunk.iter().copied()).collect();
    assert!(bytes == file);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_takes_the_row_and_the_file() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap();
    assert_eq!(stand.files().len(), 1);
    let request = pb::DeleteDatasetRequest { dataset_id: dataset.id.clone() };
    stand.datasets().delete_dataset(anna.says(request.clone())).await.unwrap();
    assert_eq!(stand.files().len(), 0);
    assert!(stand.list_datasets(&anna, &project).await.is_empty());
    let again = stand.datasets().delete_dataset(anna.says(request)).await.unwrap_err();
    assert_eq!(reason(&again), "DATASET_NOT_FOUND");
    let mut admin = stand.db.admin().await;
    let actions: Vec<String> =
        sqlx::query_scalar("SELECT action FROM registry.outbox WHERE object_id = $1 ORDER BY id")
            .bind(&dataset.id)
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert_eq!(actions, ["dataset.upload", "dataset.delete"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_dataset_answers_as_one_that_does_not_exist() {
    let stand = Stand::new().await;
    let (anna, mallory) = (stand.person("admin"), stand.person("admin"));
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap();
    for id in [dataset.id.clone(), DatasetId::new().to_string()] {
        let mut datasets = stand.datasets();
        let answers = [
            datasets.get_dataset(mallory.says(pb::GetDatasetRequest { dataset_id: id.clone() })).await.unwrap_err(),
            datasets
                .get_dataset_schema(mallory.says(pb::GetDatasetSchemaRequest { dataset_id: id.clone() }))
                .await
                .unwrap_err(),
            datasets
                .download_dataset(mallory.says(pb::DownloadDatasetRequest { dataset_id: id.clone() }))
                .await
                .unwrap_err(),
            datasets
                .delete_dataset(mallory.says(pb::DeleteDatasetRequest { dataset_id: id.clone() }))
                .await
                .unwrap_err(),
            stand.preview(&mallory, &id, 1).await.unwrap_err(),
        ];
        for answer in answers {
            assert_eq!((answer.code(), answer.message()), (Code::NotFound, "dataset not found"));
        }
    }
    assert_eq!(stand.files().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_of_a_deleted_project_are_hidden_until_it_is_restored() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap();
    let request = pb::DeleteProjectRequest { project_id: project.clone(), reason: String::new() };
    stand.projects().delete_project(anna.says(request)).await.unwrap();
    assert_eq!(reason(&stand.preview(&anna, &dataset.id, 1).await.unwrap_err()), "DATASET_NOT_FOUND");
    assert_eq!(reason(&stand.upload(&anna, &project, "b.csv", b"a\n").await.unwrap_err()), "PROJECT_NOT_FOUND");
    stand.projects().restore_project(anna.says(pb::RestoreProjectRequest { project_id: project })).await.unwrap();
    let row: Value = serde_json::from_str(&stand.preview(&anna, &dataset.id, 1).await.unwrap().rows[0].text).unwrap();
    assert_eq!(row["a"], 1);
}
