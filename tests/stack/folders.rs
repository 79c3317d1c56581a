//! Folders that are shared, across separate processes: what is in them and nothing else, as long as it is in them.

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};
use trinity_testkit::eventually;

use crate::permissions::{canvas, stops, until};

const DEADLINE: Duration = Duration::from_secs(10);

fn id(answer: &Value) -> String {
    answer["id"].as_str().expect("an id").to_owned()
}

async fn folder(owner: &Api, project: &str, parent: &str, name: &str) -> String {
    id(owner.post(&format!("/projects/{project}/folders"), json!({"name": name, "parent_id": parent})).await.data())
}

async fn ids(api: &Api, path: &str) -> Vec<String> {
    api.get(path).await.data().as_array().expect("a list").iter().map(id).collect()
}

/// Saves a workflow into a folder, or into none, and runs it.
async fn ran(owner: &Api, project: &str, folder: &str, name: &str) -> (String, String) {
    let body = json!({"project_id": project, "folder_id": folder, "name": name, "canvas": canvas()});
    let workflow = id(&owner.post("/workflows/save", body).await.data()["workflow"]);
    let run = owner.execute(&workflow).await;
    owner.ended(&run).await;
    (workflow, run)
}

async fn share(owner: &Api, object: (&str, &str), user: &str, level: &str, until: Option<String>) -> String {
    let subject = json!({"type": "user", "id": user});
    let grant = json!({"object_type": object.0, "object_id": object.1, "subject": subject, "level": level,
        "expires_at": until});
    id(owner.post("/grants", grant).await.data())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_folder_has_what_is_in_it_as_long_as_it_is_in_it() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (user, viewer) = installation.named_person(&owner, "acme", "max", "member").await;
    let project = owner.project("Shelved").await;
    let outer = folder(&owner, &project, "", "Outer").await;
    let inner = folder(&owner, &project, &outer, "Inner").await;
    let (workflow, run) = ran(&owner, &project, &inner, "Inside").await;
    let (beside, other_run) = ran(&owner, &project, "", "Beside").await;
    let steps = json!([{"workflow_id": workflow}]);
    let job =
        id(owner.post(&format!("/folders/{inner}/jobs"), json!({"name": "Nightly", "steps": steps})).await.data());

    // Exactly what is in the folder, in every service.
    share(&owner, ("folder", &outer), &user, "view", None).await;
    let of_workflow = [format!("/workflows/{workflow}"), format!("/runs/{run}")];
    let inside = [&of_workflow[..], &[format!("/folders/{inner}"), format!("/jobs/{job}")]].concat();
    let beside_it = [format!("/workflows/{beside}"), format!("/runs/{other_run}"), format!("/projects/{project}")];
    until(&viewer, &inside, 200).await;
    until(&viewer, &beside_it, 404).await;
    for (list, shown) in [
        (format!("/projects/{project}/workflows"), &workflow),
        (format!("/folders/{inner}/workflows"), &workflow),
        (format!("/projects/{project}/jobs"), &job),
        (format!("/folders/{inner}/jobs"), &job),
        (format!("/projects/{project}/folders"), &outer),
        (format!("/projects/{project}/folders?parent_id={outer}"), &inner),
        ("/runs".to_owned(), &run),
    ] {
        assert_eq!(ids(&viewer, &list).await, std::slice::from_ref(shown), "{list}");
    }
    let question = json!({"permission": "run.read", "object_type": "workflow", "object_id": workflow});
    let answer = viewer.post("/access/explain", question).await;
    assert_eq!(answer.data()["reasons"][0]["object_id"], outer.as_str(), "{}", answer.body);

    // By the level of the grant.
    let execute = format!("/workflows/{workflow}/execute");
    assert_eq!(viewer.post(&execute, json!({})).await.status, 403);
    let grant = share(&owner, ("folder", &outer), &user, "edit", None).await;
    eventually(DEADLINE, "the right to run", || async {
        (viewer.post(&execute, json!({})).await.status < 300).then_some(())
    })
    .await;
    let body = json!({"project_id": project, "folder_id": inner, "name": "Mine", "canvas": canvas()});
    viewer.post("/workflows/save", body).await.data();

    // As long as it is there: a folder that is moved takes all that is in it along, a workflow itself.
    let place = format!("/folders/{inner}/move");
    owner.post(&place, json!({})).await.data();
    stops(&viewer, &inside, Instant::now(), 404).await;
    assert_eq!(owner.post(&format!("/folders/{outer}/move"), json!({"parent_id": inner})).await.status, 200);
    assert_eq!(owner.post(&place, json!({"parent_id": outer})).await.error(400), "FOLDER_CYCLE");
    owner.post(&format!("/folders/{outer}/move"), json!({})).await.data();
    owner.post(&place, json!({"parent_id": outer})).await.data();
    until(&viewer, &inside, 200).await;
    owner.post(&format!("/workflows/{workflow}/move"), json!({})).await.data();
    stops(&viewer, &of_workflow, Instant::now(), 404).await;
    until(&viewer, &inside[2..], 200).await;
    owner.post(&format!("/workflows/{workflow}/move"), json!({"folder_id": inner})).await.data();
    until(&viewer, &inside, 200).await;
    assert_eq!(owner.delete(&format!("/folders/{inner}")).await.error(400), "FOLDER_NOT_EMPTY");

    // And as long as the grant holds.
    owner.delete(&format!("/grants/{grant}")).await.data();
    stops(&viewer, &inside, Instant::now(), 404).await;
    let end = Utc::now() + TimeDelta::seconds(4);
    share(&owner, ("folder", &inner), &user, "view", Some(end.to_rfc3339_opts(SecondsFormat::Micros, true))).await;
    until(&viewer, &inside, 200).await;
    let left = (end - Utc::now()).to_std().unwrap_or_default();
    stops(&viewer, &inside, Instant::now() + left, 404).await;

    // A job by itself, without its workflows.
    share(&owner, ("job", &job), &user, "view", None).await;
    until(&viewer, &[format!("/jobs/{job}")], 200).await;
    until(&viewer, &of_workflow, 404).await;
}
