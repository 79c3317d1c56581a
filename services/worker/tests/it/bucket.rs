//! The worker with its files in a bucket.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use trinity_proto::orchestration as pb;
use trinity_storage::{
    Storage,
    layout::{self, ProjectFolder},
};
use trinity_testkit::TestS3;

use crate::fake::{Bench, DATASET, task};

/// An endpoint that answers every request with these rows.
async fn endpoint(serving: &mut JoinSet<()>, rows: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    serving.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") && socket.read_buf(&mut head).await.unwrap() > 0 {}
            let answer =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{rows}", rows.len());
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

/// A worker, its bucket, and a second view of it.
async fn bench() -> (Bench, TestS3, Storage) {
    let server = TestS3::start();
    let bench = Bench::start_with(|config| {
        config.storage_url = server.url();
        config.storage = server.settings();
        config.egress_allow = vec!["127.0.0.1".to_owned()];
    })
    .await;
    let storage = Storage::open_with(&server.url(), &server.settings()).unwrap();
    (bench, server, storage)
}

#[tokio::test]
async fn what_an_atom_makes_goes_to_the_bucket() {
    let mut serving = JoinSet::new();
    let url = endpoint(&mut serving, "{\"a\": 1}\n{\"a\": 2}\n").await;
    let (mut bench, server, storage) = bench().await;
    let mut connection = bench.welcomed().await;
    let get = task("a", "http", &json!({"url": url, "method": "GET"}));
    connection.assign(vec![get.clone()]);
    let completed = connection.completed().await;
    let output = &completed.outputs[0];
    assert_eq!((completed.rows_out, output.format.as_str()), (2, "parquet"));
    assert_eq!(storage.head(&output.storage_key).await.unwrap().size_bytes, output.size_bytes);
    let schema = storage.read(&layout::output_schema(&get.output_prefix, "data")).await.unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema["columns"], json!([{"name": "a", "type": "int64", "nullable": true}]));
    assert_eq!(server.unfinished_uploads(), Vec::<String>::new());
}

#[tokio::test]
async fn tables_of_the_bucket_are_read_and_kept_for_equal_work() {
    let (mut bench, _server, storage) = bench().await;
    let mut connection = bench.welcomed().await;
    let key = ProjectFolder::new("t", "p").shared_file(DATASET, "csv");
    let stored = storage.put_bytes(&key, "a,b\n1,x\n2,y\n3,z\n").await.unwrap();
    let file = pb::InputFile {
        dataset_id: DATASET.into(),
        storage_key: key,
        format: "csv".into(),
        content_hash: stored.content_hash,
    };
    let mut read = task("a", "csv-reader", &json!({"dataset": DATASET}));
    read.datasets = vec![file.clone()];
    connection.assign(vec![read]);
    let table = connection.completed().await.outputs.remove(0);

    let mut filter = task("b", "filter", &json!({"where": "a > 1"}));
    filter.inputs = vec![pb::InputFile {
        storage_key: table.storage_key,
        format: "parquet".into(),
        content_hash: table.content_hash,
        ..pb::InputFile::default()
    }];
    connection.assign(vec![filter]);
    assert_eq!(connection.completed().await.rows_out, 2);

    let mut again = task("c", "csv-reader", &json!({"dataset": DATASET}));
    again.datasets = vec![file];
    connection.assign(vec![again]);
    let completed = connection.completed().await;
    assert!(completed.cached);
    storage.head(&completed.outputs[0].storage_key).await.unwrap();

    let mut missing = task("d", "csv-reader", &json!({"dataset": DATASET}));
    let storage_key = "tenant-t/project-p/shared/none/data.csv".into();
    missing.datasets = vec![pb::InputFile {
        dataset_id: DATASET.into(),
        storage_key,
        format: "csv".into(),
        ..pb::InputFile::default()
    }];
    connection.assign(vec![missing]);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("INPUT_MISSING", false));
}
