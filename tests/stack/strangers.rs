//! What one tenant must never learn of another: a foreign id answers just as an id that nobody has.

use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};

const NOBODYS: &str = "0198c0de-0000-7000-8000-00000000dead";

/// The body without what differs in every answer.
fn comparable(body: &Value, id: &str) -> String {
    let mut body = body.clone();
    body["meta"] = Value::Null;
    body.to_string().replace(id, "<id>")
}

async fn alike(api: &Api, verb: &str, template: &str, foreign: &str) {
    let ask = |id: String| async move {
        let path = template.replace("{}", &id);
        let answer = match verb {
            "GET" => api.get(&path).await,
            "PATCH" => api.patch(&path, json!({"name": "x"})).await,
            "DELETE" => api.delete(&path).await,
            _ => api.post(&path, json!({})).await,
        };
        (answer.status, comparable(&answer.body, &id))
    };
    let (of_foreign, of_nobody) = (ask(foreign.to_owned()).await, ask(NOBODYS.to_owned()).await);
    assert_eq!(of_foreign, of_nobody, "{verb} {template}");
    assert_eq!(of_foreign.0, 404, "{verb} {template}: {}", of_foreign.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_id_answers_as_one_that_nobody_has() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (_, stranger) = installation.tenant("rival").await;
    let project = owner.project("Secret").await;
    let dataset = owner.upload(&project, "secret.csv", b"a,b\n1,2\n".to_vec()).await;
    let dataset = dataset["id"].as_str().unwrap();
    let canvas = json!({"molecules": [{"id": "m", "type": "Utility", "atoms": [{"id": "a", "atom": "noop", "config": {}}]}], "connections": []});
    let workflow = owner.save(&project, "Secret", canvas.clone()).await;
    let run = owner.execute(&workflow).await;
    owner.ended(&run).await;
    let user = owner.get("/auth/me").await.data()["user"]["id"].as_str().unwrap().to_owned();
    let session = owner.get("/auth/sessions").await.data()[0]["id"].as_str().unwrap().to_owned();

    let asked: [(&str, &str, &str); 31] = [
        ("GET", "/projects/{}", &project),
        ("GET", "/workspaces/{}", &project),
        ("PATCH", "/projects/{}", &project),
        ("DELETE", "/projects/{}", &project),
        ("POST", "/projects/{}/restore", &project),
        ("GET", "/projects/{}/datasets", &project),
        ("GET", "/projects/{}/workflows", &project),
        ("GET", "/datasets/{}", dataset),
        ("GET", "/datasets/{}/schema", dataset),
        ("GET", "/datasets/{}/preview", dataset),
        ("GET", "/datasets/{}/content", dataset),
        ("DELETE", "/datasets/{}", dataset),
        ("GET", "/workflows/{}", &workflow),
        ("PATCH", "/workflows/{}", &workflow),
        ("DELETE", "/workflows/{}", &workflow),
        ("POST", "/workflows/{}/restore", &workflow),
        ("POST", "/workflows/{}/validate", &workflow),
        ("GET", "/workflows/{}/versions", &workflow),
        ("GET", "/workflows/{}/versions/1", &workflow),
        ("POST", "/workflows/{}/check-out", &workflow),
        ("POST", "/workflows/{}/check-in", &workflow),
        ("POST", "/workflows/{}/execute", &workflow),
        ("GET", "/runs/{}", &run),
        ("GET", "/runs/{}/wait", &run),
        ("GET", "/runs/{}/tasks", &run),
        ("GET", "/runs/{}/logs", &run),
        ("POST", "/runs/{}/cancel", &run),
        ("POST", "/runs/{}/pause", &run),
        ("POST", "/runs/{}/rerun", &run),
        ("GET", "/users/{}", &user),
        ("DELETE", "/auth/sessions/{}", &session),
    ];
    for (verb, template, id) in asked {
        alike(&stranger, verb, template, id).await;
    }
    let body = |project: &str| json!({"project_id": project, "name": "Mine", "canvas": canvas});
    let foreign = stranger.post("/workflows/save", body(&project)).await;
    let nobodys = stranger.post("/workflows/save", body(NOBODYS)).await;
    assert_eq!(
        (foreign.status, comparable(&foreign.body, &project)),
        (nobodys.status, comparable(&nobodys.body, NOBODYS))
    );

    for list in ["/projects", "/runs", "/audit/events?per_page=200", "/users", "/dead-letters"] {
        let text = stranger.get(list).await.body.to_string();
        for secret in [project.as_str(), dataset, &workflow, &run, &user, "acme"] {
            assert!(!text.contains(secret), "{list} shows {secret}");
        }
    }
    owner.get(&format!("/projects/{project}")).await.data();
    owner.get(&format!("/datasets/{dataset}")).await.data();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_of_another_tenant_cannot_be_run_on() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (_, stranger) = installation.tenant("rival").await;
    let dataset = owner.upload(&owner.project("Secret").await, "secret.csv", b"a,b\n1,2\n".to_vec()).await;
    let project = stranger.project("Mine").await;
    let canvas = json!({"molecules": [{"id": "m", "type": "Data Pre-Process", "atoms": [
        {"id": "read", "atom": "csv-reader", "config": {"dataset": dataset["id"]}}]}], "connections": []});
    let workflow = stranger.save(&project, "Thief", canvas).await;
    let answer = stranger.post(&format!("/workflows/{workflow}/execute"), json!({})).await;
    assert_eq!(answer.error(400), "DATASET_NOT_FOUND");
}
