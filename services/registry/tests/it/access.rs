//! Who may do what with a project and its datasets.

use chrono::{TimeDelta, Utc};
use futures::channel::mpsc;
use trinity_access::{Access, Level};
use trinity_ids::{DatasetId, ProjectId};
use trinity_proto::registry as pb;
use trinity_testkit::eventually;

use crate::calls::{Outcomes, READS, call_all, words};
use crate::stand::{LIMIT, Person, Stand, grant, reason};

async fn project_with_dataset(stand: &Stand, owner: &Person) -> (String, String) {
    let project = stand.create_project(owner, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(owner, &project, "a.csv", b"a\n1\n").await.unwrap().id;
    (project, dataset)
}

/// What a caller sees of an outcome.
fn seen(outcomes: &Outcomes) -> Vec<(&'static str, tonic::Code, String, Vec<u8>)> {
    let of = |outcome: &Result<(), tonic::Status>| {
        let status = outcome.as_ref().expect_err("an outsider gets nothing");
        (status.code(), status.message().to_owned(), status.details().to_vec())
    };
    let line = |(name, outcome): &(&'static str, _)| {
        let (code, message, details) = of(outcome);
        (*name, code, message, details)
    };
    outcomes.iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_about_an_object_is_called_here() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let (project, dataset) = project_with_dataset(&stand, &anna).await;
    let called = call_all(&stand, &anna, &project, &dataset).await;
    let mut called: Vec<&str> = called.iter().map(|(name, _)| *name).collect();
    let rpcs = trinity_proto::descriptors::rpcs().unwrap();
    let mut declared: Vec<&str> = rpcs
        .iter()
        .filter(|rpc| rpc.service() == "registry" && !rpc.path.contains("FolderService"))
        .filter(|rpc| !rpc.policy.object_field.is_empty())
        .map(|rpc| rpc.method.name())
        .collect();
    called.sort_unstable();
    declared.sort_unstable();
    assert_eq!(called, declared);
}

#[tokio::test(flavor = "multi_thread")]
async fn to_an_outsider_an_object_answers_exactly_as_one_that_does_not_exist() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let (project, dataset) = project_with_dataset(&stand, &anna).await;
    let other = stand.create_project(&anna, "Other", "{}").await.unwrap().id;
    let id = other.parse().unwrap();
    let now = Utc::now();
    let past = trinity_access::Grant { expires_at: Some(now - TimeDelta::seconds(1)), ..grant(Level::Admin, &project) };
    let future = trinity_access::Grant { starts_at: Some(now + TimeDelta::hours(1)), ..grant(Level::Admin, &project) };
    let outsiders = [
        ("a member", stand.colleague(&anna, "member")),
        ("who has another project", stand.guest(&anna, |access| access.grants.push(grant(Level::Admin, &other)))),
        ("whose grant has ended", stand.guest(&anna, |access| access.grants.push(past))),
        ("whose grant has not begun", stand.guest(&anna, |access| access.grants.push(future))),
        (
            "whose role is in another project",
            stand.guest(&anna, |access| {
                access.projects.insert(id, trinity_access::role("admin").unwrap().permissions());
            }),
        ),
        ("another tenant's owner", stand.person("owner")),
    ];
    for (who, outsider) in outsiders {
        let real = call_all(&stand, &outsider, &project, &dataset).await;
        let random = call_all(&stand, &outsider, &ProjectId::new().to_string(), &DatasetId::new().to_string()).await;
        assert_eq!(seen(&real), seen(&random), "{who}");
        for (name, word) in words(&real) {
            assert!(["PROJECT_NOT_FOUND", "DATASET_NOT_FOUND"].contains(&word.as_str()), "{who}: {name}: {word}");
        }
    }
    let read = pb::GetProjectRequest { project_id: project.clone() };
    let read = stand.projects().get_project(anna.says(read)).await.unwrap().into_inner().project.unwrap();
    assert_eq!((read.version, stand.list_datasets(&anna, &project).await.len()), (1, 1), "nothing has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_project_is_an_outsiders_to_restore_as_little_as_one_that_never_was() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let (project, _) = project_with_dataset(&stand, &anna).await;
    let delete = pb::DeleteProjectRequest { project_id: project.clone(), reason: String::new() };
    stand.projects().delete_project(anna.says(delete)).await.unwrap();
    let carl = stand.colleague(&anna, "member");
    for id in [project, ProjectId::new().to_string()] {
        let restore = pb::RestoreProjectRequest { project_id: id };
        let refused = stand.projects().restore_project(carl.says(restore)).await.unwrap_err();
        assert_eq!((refused.message(), reason(&refused).as_str()), ("project not found", "PROJECT_NOT_FOUND"));
    }
}

/// Gives somebody something on a project.
type Give = fn(&mut Access, &str);

#[tokio::test(flavor = "multi_thread")]
async fn each_level_lets_do_what_it_says_and_no_more() {
    let stand = Stand::new().await;
    let anna = stand.person("member");
    let edits = [&READS[..], &["UploadDataset", "UpdateProject"]].concat();
    let cases: [(&str, Give, &[&str]); 5] = [
        ("view", |access, project| access.grants.push(grant(Level::View, project)), &READS),
        ("edit", |access, project| access.grants.push(grant(Level::Edit, project)), &edits),
        ("viewer of the tenant", |access, _| access.tenant = role("viewer"), &READS),
        ("viewer of the project", |access, project| bind(access, project, "viewer"), &READS),
        ("admin", |access, project| access.grants.push(grant(Level::Admin, project)), &["everything"]),
    ];
    let (project, dataset) = project_with_dataset(&stand, &anna).await;
    for (level, give, allowed) in cases {
        let guest = stand.guest(&anna, |access| give(access, &project));
        for (name, word) in words(&call_all(&stand, &guest, &project, &dataset).await) {
            let may = allowed == ["everything"] || allowed.contains(&name);
            assert_eq!(word, if may { "OK" } else { "PERMISSION_DENIED" }, "{level}: {name}");
        }
    }
    let dataset = stand.upload(&anna, &project, "b.csv", b"a\n1\n").await.unwrap().id;
    let own = words(&call_all(&stand, &anna, &project, &dataset).await);
    assert!(own.iter().all(|(_, word)| word == "OK"), "who made it may do everything: {own:?}");
}

fn role(name: &str) -> trinity_access::Permissions {
    trinity_access::role(name).unwrap().permissions()
}

fn bind(access: &mut Access, project: &str, name: &str) {
    access.projects.insert(project.parse().unwrap(), role(name));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_services_learn_who_owns_a_project() {
    let stand = Stand::new().await;
    let anna = stand.person("member");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let check = pb::CheckProjectRequest { tenant_id: anna.tenant.to_string(), project_id: project };
    let answer = stand.projects().check_project(stand.service_says(check)).await.unwrap().into_inner();
    assert_eq!(answer.owner_id, anna.user.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_his_right_during_an_upload_leaves_nothing_behind() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let bob = stand.guest(&anna, |access| access.grants.push(grant(Level::Edit, &project)));
    let (sender, receiver) = mpsc::unbounded();
    let header = pb::UploadDatasetRequest {
        project_id: project.clone(),
        filename: "a.csv".into(),
        ..pb::UploadDatasetRequest::default()
    };
    let chunk =
        |bytes: Vec<u8>| pb::UploadDatasetRequest { chunk: bytes.into(), ..pb::UploadDatasetRequest::default() };
    sender.unbounded_send(header).unwrap();
    for _ in 0..3 {
        sender.unbounded_send(chunk(b"a,b\n".repeat(1 << 20))).unwrap();
    }
    let mut client = stand.datasets();
    let call = client.upload_dataset(bob.says(receiver));
    let revoke = async {
        eventually(LIMIT, "the file to be under way", || async { (!stand.files().is_empty()).then_some(()) }).await;
        stand.change_access(&bob, |access| access.grants.clear());
        drop(sender);
    };
    let (answer, ()) = tokio::join!(call, revoke);
    assert_eq!(reason(&answer.unwrap_err()), "PROJECT_NOT_FOUND");
    eventually(LIMIT, "the leftovers to go", || async { stand.files().is_empty().then_some(()) }).await;
    assert!(stand.list_datasets(&anna, &project).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_his_right_during_a_download_does_not_get_the_rest() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", &b"a,b\n".repeat(8 << 20)).await.unwrap().id;
    let bob = stand.guest(&anna, |access| access.grants.push(grant(Level::View, &project)));
    let request = pb::DownloadDatasetRequest { dataset_id: dataset };
    let mut messages = stand.datasets().download_dataset(bob.says(request)).await.unwrap().into_inner();
    let mut bytes = 0;
    while bytes == 0 {
        bytes += messages.message().await.unwrap().unwrap().chunk.len();
    }
    stand.change_access(&bob, |access| access.grants.clear());
    let refused = loop {
        match messages.message().await {
            Ok(Some(message)) => bytes += message.chunk.len(),
            Ok(None) => panic!("all {bytes} bytes came"),
            Err(status) => break status,
        }
    };
    assert_eq!(reason(&refused), "DATASET_NOT_FOUND");
}
