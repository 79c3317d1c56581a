//! What the plan allows is never exceeded, however many come at once.

use futures::StreamExt;
use futures::future::join_all;
use sqlx::Connection;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use trinity_access::{Limits, Standing};
use trinity_ids::{DatasetId, RunId, TaskId};
use trinity_proto::registry as pb;
use trinity_testkit::eventually;

use crate::stand::{LIMIT, Person, Stand, reason};

fn allow(stand: &Stand, person: &Person, limits: Limits) {
    stand.set_standing(person, Standing { limits, ..Standing::unlimited() });
}

fn projects(limit: u32) -> Limits {
    Limits { projects: Some(limit), ..Limits::default() }
}

fn storage(limit: u64) -> Limits {
    Limits { storage_bytes: Some(limit), ..Limits::default() }
}

/// How many succeeded; every other must have been refused for `why`.
fn count<T>(outcomes: Vec<Result<T, Status>>, why: &str) -> usize {
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    for status in lost.into_iter().filter_map(Result::err) {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, why));
    }
    won.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_creates_at_once_at_a_cap_of_ten_make_exactly_ten() {
    let stand = Stand::new().await;
    let (anna, bob) = (stand.person("editor"), stand.person("editor"));
    allow(&stand, &anna, projects(10));
    let names: Vec<String> = (0..50).map(|n| format!("project {n}")).collect();
    let made = join_all(names.iter().map(|name| stand.create_project(&anna, name, "{}"))).await;
    assert_eq!(count(made, "PROJECT_LIMIT_REACHED"), 10);
    stand.create_project(&bob, "another tenant's", "{}").await.unwrap();
    let refused = stand.create_project(&anna, "one more", "{}").await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().metadata["limit"], "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_that_are_held_up_in_the_same_place_do_not_overlook_each_other() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    allow(&stand, &anna, projects(10));
    for n in 0..7 {
        stand.create_project(&anna, &format!("early {n}"), "{}").await.unwrap();
    }
    // Nobody can announce, hence commit, until every connection of the service has begun a create.
    let mut admin = stand.db.admin().await;
    let mut hold = admin.begin().await.unwrap();
    sqlx::query("LOCK TABLE registry.outbox IN SHARE MODE").execute(&mut *hold).await.unwrap();
    let names: Vec<String> = (0..50).map(|n| format!("late {n}")).collect();
    let creates = join_all(names.iter().map(|name| stand.create_project(&anna, name, "{}")));
    let release = async {
        eventually(LIMIT, "creates to be held up", || async { (waiting(&stand).await >= 5).then_some(()) }).await;
        hold.rollback().await.unwrap();
    };
    let (made, ()) = tokio::join!(creates, release);
    assert_eq!(count(made, "PROJECT_LIMIT_REACHED"), 3);
}

/// How many statements wait for a lock.
async fn waiting(stand: &Stand) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(count).fetch_one(&mut stand.db.admin().await).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_projects_count_as_created_ones() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    allow(&stand, &anna, projects(3));
    let mut deleted = Vec::new();
    for name in ["a", "b", "c"] {
        let id = stand.create_project(&anna, name, "{}").await.unwrap().id;
        let delete = pb::DeleteProjectRequest { project_id: id.clone(), reason: String::new() };
        stand.projects().delete_project(anna.says(delete)).await.unwrap();
        deleted.push(id);
    }
    let names = ["d", "e", "f"];
    let creates = names.iter().map(|name| async { stand.create_project(&anna, name, "{}").await.map(drop) });
    let restores = deleted.iter().map(|id| async {
        let restore = pb::RestoreProjectRequest { project_id: id.clone() };
        stand.projects().restore_project(anna.says(restore)).await.map(drop)
    });
    let (created, restored) = tokio::join!(join_all(creates), join_all(restores));
    assert_eq!(count([created, restored].concat(), "PROJECT_LIMIT_REACHED"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_uploads_at_once_never_store_more_than_the_plan_allows() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let one = stand.create_project(&anna, "One", "{}").await.unwrap().id;
    let other = stand.create_project(&anna, "Other", "{}").await.unwrap().id;
    allow(&stand, &anna, storage(43));
    let places = (0..50).map(|n| if n % 2 == 0 { &one } else { &other });
    let stored = join_all(places.map(|project| stand.upload(&anna, project, "a.csv", b"a\n1\n"))).await;
    assert_eq!(count(stored, "STORAGE_LIMIT_REACHED"), 10, "40 of 43 bytes");
    eventually(LIMIT, "the leftovers to go", || async { (stand.files().len() == 10).then_some(()) }).await;
    let dataset = stand.list_datasets(&anna, &one).await.remove(0).id;
    stand.datasets().delete_dataset(anna.says(pb::DeleteDatasetRequest { dataset_id: dataset })).await.unwrap();
    stand.upload(&anna, &one, "a.csv", b"a\n1\n").await.expect("what was deleted makes room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_stops_where_it_passes_what_is_left() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    allow(&stand, &anna, storage(1 << 20));
    let header = pb::UploadDatasetRequest {
        project_id: project.clone(),
        filename: "a.csv".into(),
        ..pb::UploadDatasetRequest::default()
    };
    // It has no end: only a refusal on the way ends the call.
    let chunk = pb::UploadDatasetRequest { chunk: b"1,2\n".repeat(1 << 16).into(), ..header.clone() };
    let endless = futures::stream::once(async { header }).chain(futures::stream::repeat(chunk));
    let refused = stand.datasets().upload_dataset(anna.says(endless)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::ResourceExhausted, "STORAGE_LIMIT_REACHED"));
    eventually(LIMIT, "the leftovers to go", || async { stand.files().is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_are_never_lost_but_count() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    allow(&stand, &anna, storage(100));
    let id = DatasetId::new().to_string();
    let output = |attempt: u32, size_bytes: u64| pb::Output {
        dataset_id: id.clone(),
        tenant_id: anna.tenant.to_string(),
        project_id: project.clone(),
        run_id: RunId::new().to_string(),
        task_id: TaskId::new().to_string(),
        attempt,
        name: "out".into(),
        format: pb::DatasetFormat::Parquet.into(),
        storage_key: format!("tenant-{}/attempt-{attempt}", anna.tenant),
        size_bytes,
        content_hash: "abc".into(),
        ..pb::Output::default()
    };
    let register = async |outputs: Vec<pb::Output>| {
        let request = stand.service_says(pb::RegisterOutputsRequest { outputs });
        stand.datasets().register_outputs(request).await.unwrap();
    };
    register(vec![output(1, 150)]).await;
    assert_eq!(stored_and_sum(&stand, &anna).await, (150, 150));
    let refused = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap_err();
    assert_eq!(reason(&refused), "STORAGE_LIMIT_REACHED");
    // A later attempt replaces the earlier one, an older one does nothing: only what is there counts.
    register(vec![output(3, 70)]).await;
    register(vec![output(2, 500), pb::Output { dataset_id: DatasetId::new().into(), ..output(1, 26) }]).await;
    assert_eq!(stored_and_sum(&stand, &anna).await, (96, 96));
    stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.expect("just as many bytes as are left");
    assert_eq!(stored_and_sum(&stand, &anna).await, (100, 100));
    stand.datasets().delete_dataset(anna.says(pb::DeleteDatasetRequest { dataset_id: id.clone() })).await.unwrap();
    assert_eq!(stored_and_sum(&stand, &anna).await, (30, 30));
}

/// What is counted, and what is true.
async fn stored_and_sum(stand: &Stand, person: &Person) -> (i64, i64) {
    sqlx::query_as(
        "SELECT stored_bytes, (SELECT sum(size_bytes)::bigint FROM registry.datasets WHERE tenant_id = $1)
        FROM registry.tenant_usage
        WHERE tenant_id = $1",
    )
    .bind(person.tenant)
    .fetch_one(&mut stand.db.admin().await)
    .await
    .unwrap()
}
