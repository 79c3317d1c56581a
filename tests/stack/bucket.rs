//! An installation whose files lie in a bucket.

use trinity_stack_tests::{Installation, Options};
use trinity_testkit::TestS3;

use crate::path::{CSV, canvas};

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_runs_with_its_files_in_a_bucket() {
    let server = TestS3::start();
    let settings = server.variables().into_iter().collect();
    let options = Options { storage_url: Some(server.url()), settings, ..Options::default() };
    let installation = Installation::start_with(options).await;
    let (tenant, api) = installation.tenant("acme").await;
    let project = api.project("Weather").await;
    let dataset = api.upload(&project, "seattle-weather.csv", CSV.to_vec()).await;
    assert_eq!(dataset["rows"], 1461);
    let workflow = api.save(&project, "Seattle weather", canvas(&dataset)).await;
    let ended = api.ended(&api.execute(&workflow).await).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");

    let run = ended["id"].as_str().unwrap();
    let tasks = api.tasks(run).await;
    let outputs: Vec<&str> = tasks.iter().filter_map(|task| task["outputs"][0]["dataset_id"].as_str()).collect();
    assert!(!outputs.is_empty(), "{tasks:?}");
    for output in outputs {
        let parquet = api.download(&format!("/datasets/{output}/content")).await;
        assert_eq!((&parquet[..4], &parquet[parquet.len() - 4..]), (&b"PAR1"[..], &b"PAR1"[..]));
        assert!(
            !api.get(&format!("/datasets/{output}/preview?rows=5")).await.data()["rows"].as_array().unwrap().is_empty()
        );
    }
    let original = api.download(&format!("/datasets/{}/content", dataset["id"].as_str().unwrap())).await;
    assert!(original == CSV, "the file comes back as it was");
    let prefix = format!("installation-1/tenant-{tenant}/project-{project}/");
    assert!(server.keys().iter().all(|key| key.starts_with(&prefix)), "{:?}", server.keys());
    assert_eq!(server.unfinished_uploads(), Vec::<String>::new());
}
