//! Bad input is refused with a clear word that names the place, and hostile files fail their task alone.

use reqwest::Method;
use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};

fn reading(dataset: &Value) -> Value {
    json!({
        "molecules": [{"id": "prep", "type": "Data Pre-Process", "atoms": [
            {"id": "read", "atom": "csv-reader", "config": {"dataset": dataset["id"]}},
            {"id": "profile", "atom": "data-profiler", "config": {}},
        ]}],
        "connections": [],
    })
}

/// The fields that an error names.
fn fields(answer: &trinity_stack_tests::Answer) -> Vec<String> {
    let violations = answer.body["error"]["details"]["violations"].as_array().cloned().unwrap_or_default();
    violations.iter().map(|violation| violation["field"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn refused(api: &Api, path: &str, body: &str, field: &str) {
    let answer = api.raw(Method::POST, path, "application/json", body.as_bytes().to_vec()).await;
    assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
    let text = answer.body["error"].to_string();
    assert!(field.is_empty() || text.contains(field), "{path} {body} must name {field}: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bodies_name_the_field() {
    let installation = Installation::start().await;
    let (_, api) = installation.tenant("acme").await;
    refused(&api, "/projects", "{", "line 1").await;
    refused(&api, "/projects", "[]", "").await;
    refused(&api, "/projects", r#"{"name": 7, "app": "eda"}"#, "name").await;
    refused(&api, "/projects", r#"{"name": "x", "app": "eda", "colour": 1}"#, "colour").await;
    refused(&api, "/projects", r#"{"app": "eda"}"#, "name").await;
    refused(&api, "/workflows/save", r#"{"project_id": "7", "name": "x", "canvas": {}}"#, "project_id").await;
    let unknown = api.post("/projects", json!({"name": "x", "app": "no-such-app"})).await;
    assert_eq!(unknown.error(404), "APP_NOT_FOUND");
    let missing = api.get("/projects/0198c0de-0000-7000-8000-000000000000").await;
    assert_eq!(missing.error(404), "PROJECT_NOT_FOUND");
    assert_eq!(api.get("/projects/nonsense").await.error(400), "INVALID_ARGUMENT");
    assert_eq!(api.get("/no-such-thing").await.status, 404);
    assert_eq!(api.delete("/auth/login").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_canvas_is_listed_with_its_place() {
    let installation = Installation::start().await;
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Faulty").await;
    let noop = |id: &str| json!({"id": id, "type": "Utility", "atoms": [{"id": "a", "atom": "noop", "config": {}}]});
    let canvas = json!({
        "molecules": [
            noop("one"), noop("two"), noop("three"),
            {"id": "four", "type": "Utility", "atoms": [
                {"id": "x", "atom": "no-such-atom", "config": {}},
                {"id": "y", "atom": "wait", "config": {"milliseconds": "long"}},
            ]},
        ],
        "connections": [
            {"from": "one", "to": "two", "type": "data_flow"},
            {"from": "two", "to": "three", "type": "data_flow"},
            {"from": "three", "to": "one", "type": "data_flow"},
            {"from": "one", "to": "nowhere", "type": "data_flow"},
        ],
    });
    let body = json!({"project_id": project, "name": "Faulty", "canvas": canvas});
    let answer = api.post("/workflows/save", body).await;
    assert_eq!(answer.error(400), "CANVAS_INVALID");
    let places = fields(&answer);
    for place in ["molecules[3].atoms[0]", "molecules[3].atoms[1].config", "connections[3]"] {
        assert!(places.iter().any(|have| have.starts_with(place)), "{place} in {places:?}");
    }
    let text = answer.body.to_string();
    let cycle = ["one → two → three → one", "two → three → one → two", "three → one → two → three"];
    assert!(cycle.iter().any(|path| text.contains(path)), "{text}");
    let none = api.get(&format!("/projects/{project}/workflows")).await;
    assert_eq!(none.data().as_array().unwrap().len(), 0, "nothing half-written stays behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_fails_its_task_with_the_line_and_the_worker_lives_on() {
    let installation = Installation::start().await;
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Hostile").await;
    let mut long_line = b"a,b\n1,2\n3,".to_vec();
    long_line.resize(40 << 20, b'x');
    let files: [(&str, Vec<u8>, &str); 5] = [
        ("ragged", b"a,b\n1,2\n3\n4,5\n".to_vec(), "line 3"),
        ("latin", b"a,b\n1,2\ncaf\xe9,4\n".to_vec(), "line 3"),
        ("zeros", b"a,b\n1,2\n\0\0,4\n".to_vec(), "line 3"),
        ("empty", Vec::new(), ""),
        ("long", long_line, "line 3"),
    ];
    for (name, bytes, place) in files {
        let dataset = api.upload(&project, &format!("{name}.csv"), bytes).await;
        let workflow = api.save(&project, name, reading(&dataset)).await;
        let run = api.ended(&api.execute(&workflow).await).await;
        assert_eq!(run["status"], "failed", "{name}: {run}");
        assert_eq!(run["error"]["task"], "prep.read");
        let message = run["error"]["message"].as_str().unwrap();
        assert!(message.contains(place), "{name} must name {place}: {message}");
        assert_eq!(api.tasks(&api.execute(&workflow).await).await.len(), 2);
    }
    let good = api.upload(&project, "good.csv", b"a,b\n1,2\n".to_vec()).await;
    let workflow = api.save(&project, "good", reading(&good)).await;
    assert_eq!(api.ended(&api.execute(&workflow).await).await["status"], "succeeded");
}
