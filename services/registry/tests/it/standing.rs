//! What the tenant may use: an expired subscription reads only, and apps outside the allowed ones are not there.

use trinity_access::Standing;
use trinity_ids::{DatasetId, ProjectId};
use trinity_proto::registry as pb;

use crate::calls::{READS, call_all, words};
use crate::stand::{Person, Stand, reason};

async fn listed(stand: &Stand, person: &Person, deleted: bool) -> (usize, Option<u64>) {
    let request = pb::ListProjectsRequest { deleted, ..pb::ListProjectsRequest::default() };
    let answer = stand.projects().list_projects(person.says(request)).await.unwrap().into_inner();
    (answer.projects.len(), answer.page.unwrap().total)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_subscription_reads_and_does_not_write() {
    let stand = Stand::new().await;
    let anna = stand.person("owner");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap().id;
    stand.set_standing(&anna, Standing { writable: false, ..Standing::unlimited() });
    for (name, word) in words(&call_all(&stand, &anna, &project, &dataset).await) {
        let expected = if READS.contains(&name) { "OK" } else { "SUBSCRIPTION_EXPIRED" };
        assert_eq!(word, expected, "{name}");
    }
    assert_eq!(listed(&stand, &anna, false).await, (1, Some(1)));
    let refused = stand.create_project(&anna, "More", "{}").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (tonic::Code::PermissionDenied, "SUBSCRIPTION_EXPIRED"));
    stand.set_standing(&anna, Standing::unlimited());
    let renewed = words(&call_all(&stand, &anna, &project, &dataset).await);
    assert!(renewed.iter().all(|(_, word)| word == "OK"), "{renewed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_outside_the_allowed_ones_cannot_be_seen_or_used() {
    let stand = Stand::new().await;
    let (anna, bob) = (stand.person("editor"), stand.person("editor"));
    stand.set_standing(&bob, allowing(&["forecasting"]));
    let list = async |person: &Person| {
        let apps = stand.projects().list_apps(person.says(pb::ListAppsRequest {})).await.unwrap().into_inner().apps;
        apps.into_iter().map(|app| app.slug).collect::<Vec<_>>()
    };
    assert_eq!(list(&anna).await, ["eda", "forecasting", "marketing-mix"]);
    assert_eq!(list(&bob).await, ["forecasting"]);
    let refused = stand.create_project(&bob, "Weather", "{}").await.unwrap_err();
    let unknown =
        pb::CreateProjectRequest { name: "n".into(), app: "none".into(), ..pb::CreateProjectRequest::default() };
    let unknown = stand.projects().create_project(bob.says(unknown)).await.unwrap_err();
    assert_eq!(reason(&refused), "APP_NOT_FOUND");
    assert_eq!((refused.message(), refused.details()), (unknown.message(), unknown.details()));
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_of_an_app_that_is_not_allowed_any_more_are_hidden() {
    let stand = Stand::new().await;
    let anna = stand.person("owner");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap().id;
    let check = || {
        let request = pb::CheckProjectRequest { tenant_id: anna.tenant.to_string(), project_id: project.clone() };
        let request = stand.service_says(request);
        async { stand.projects().check_project(request).await }
    };
    stand.set_standing(&anna, allowing(&["forecasting"]));
    let hidden = words(&call_all(&stand, &anna, &project, &dataset).await);
    let random = words(&call_all(&stand, &anna, &ProjectId::new().to_string(), &DatasetId::new().to_string()).await);
    assert_eq!(hidden, random);
    assert_eq!(listed(&stand, &anna, false).await, (0, Some(0)));
    assert_eq!(listed(&stand, &anna, true).await, (0, Some(0)));
    assert_eq!(reason(&check().await.unwrap_err()), "PROJECT_NOT_FOUND");
    stand.set_standing(&anna, allowing(&["forecasting", "eda"]));
    assert_eq!(listed(&stand, &anna, false).await, (1, Some(1)));
    check().await.unwrap();
}

fn allowing(apps: &[&str]) -> Standing {
    Standing { allowed_apps: apps.iter().map(|&app| app.to_owned()).collect(), ..Standing::unlimited() }
}
