//! Uploads that are refused or break off leave nothing behind.

use futures::StreamExt;
use futures::channel::mpsc;
use tonic::Code;
use trinity_ids::ProjectId;
use trinity_proto::registry as pb;
use trinity_testkit::eventually;

use crate::stand::{LIMIT, MAX_UPLOAD_BYTES, Person, Stand, field, reason};

fn header(project: &str) -> pb::UploadDatasetRequest {
    pb::UploadDatasetRequest {
        project_id: project.to_owned(),
        filename: "a.csv".into(),
        ..pb::UploadDatasetRequest::default()
    }
}

fn chunk(bytes: Vec<u8>) -> pb::UploadDatasetRequest {
    pb::UploadDatasetRequest { chunk: bytes.into(), ..pb::UploadDatasetRequest::default() }
}

async fn assert_nothing_is_left(stand: &Stand, person: &Person, project: &str) {
    eventually(LIMIT, "the leftovers to go", || async { stand.files().is_empty().then_some(()) }).await;
    assert!(stand.list_datasets(person, project).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let (sender, receiver) = mpsc::unbounded();
    sender.unbounded_send(header(&project)).unwrap();
    sender.unbounded_send(chunk(b"a,b\n".repeat(1 << 20))).unwrap();
    sender.unbounded_send(chunk(b"1,2\n".repeat(3 << 20))).unwrap();
    let request = anna.says(receiver);
    let mut client = stand.datasets();
    {
        let call = client.upload_dataset(request);
        let seen =
            eventually(LIMIT, "the file to be under way", || async { (!stand.files().is_empty()).then_some(()) });
        tokio::select! {
            answer = call => panic!("the upload is not over: {answer:?}"),
            () = seen => {}
        }
    }
    assert_nothing_is_left(&stand, &anna, &project).await;
    drop(sender);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_above_the_limit_is_refused() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let endless = futures::stream::iter((0..).map(|_| chunk(b"1,2\n".repeat(1 << 18))).take(1000));
    let messages = futures::stream::iter([header(&project)]).chain(endless);
    let refused = stand.datasets().upload_dataset(anna.says(messages)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "UPLOAD_TOO_LARGE"));
    assert!(refused.message().contains(&MAX_UPLOAD_BYTES.to_string()));
    assert_nothing_is_left(&stand, &anna, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projects_quota_holds_also_for_uploads_at_once() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", r#"{"storageQuota": 10}"#).await.unwrap().id;
    let refused = stand.upload(&anna, &project, "a.csv", b"a\n1\n2\n3\n4\n5\n").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "STORAGE_QUOTA_EXCEEDED"));
    assert_nothing_is_left(&stand, &anna, &project).await;
    let at_once = (0..6).map(|_| stand.upload(&anna, &project, "a.csv", b"a\n1\n"));
    let stored = futures::future::join_all(at_once).await.into_iter().filter(Result::is_ok).count();
    assert_eq!((stored, stand.files().len()), (2, 2), "8 of 10 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_project_does_not_allow_is_refused() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let settings = r#"{"allowedFileTypes": [".parquet"]}"#;
    let project = stand.create_project(&anna, "Weather", settings).await.unwrap().id;
    let refused = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap_err();
    assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, "format"));
    assert_nothing_is_left(&stand, &anna, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_by_name() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let send = async |header: pb::UploadDatasetRequest| {
        let messages = futures::stream::iter([header, chunk(b"\x7fELF\0\0\0\0".to_vec())]);
        stand.datasets().upload_dataset(anna.says(messages)).await.unwrap_err()
    };
    for (filename, format) in [("a.docx", ""), ("a.csv", "avro"), ("program", "")] {
        let refused =
            send(pb::UploadDatasetRequest { filename: filename.into(), format: format.into(), ..header(&project) })
                .await;
        assert_eq!(
            (refused.code(), field(&refused).as_str()),
            (Code::InvalidArgument, "format"),
            "{filename} {format}"
        );
    }
    let nameless = send(pb::UploadDatasetRequest { filename: String::new(), ..header(&project) }).await;
    assert_eq!(field(&nameless), "name");
    assert_eq!(field(&send(header("x")).await), "project_id");
    assert_eq!(reason(&send(header(&ProjectId::new().to_string())).await), "PROJECT_NOT_FOUND");
    let empty = stand.datasets().upload_dataset(anna.says(futures::stream::empty())).await.unwrap_err();
    assert_eq!(field(&empty), "project_id");
    assert_nothing_is_left(&stand, &anna, &project).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_format_of_a_file_without_a_name_is_found_from_its_bytes() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let first = pb::UploadDatasetRequest { name: "Tiny".into(), filename: String::new(), ..header(&project) };
    let bytes = b"a;b\n1;2\n3;4\n".iter().map(|byte| chunk(vec![*byte]));
    let messages: Vec<_> = std::iter::once(first).chain(bytes).collect();
    let answer = stand.datasets().upload_dataset(anna.says(futures::stream::iter(messages))).await.unwrap();
    let dataset = answer.into_inner().dataset.unwrap();
    assert_eq!((dataset.name.as_str(), dataset.format(), dataset.rows), ("Tiny", pb::DatasetFormat::Csv, Some(2)));
    assert_eq!(stand.preview(&anna, &dataset.id, 1).await.unwrap().rows[0].text, r#"{"a":1,"b":2}"#);
}
