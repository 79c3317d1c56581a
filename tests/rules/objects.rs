//! The object matrix: every RPC about a project, or what is in one, × people of the tenant with more and more rights
//! there, and a stranger, against `objects.txt`.
//!
//! Whoever may not see an object gets, to the byte but for the id, what he gets for an id that nobody has.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use trinity_proto::common::Access;
use trinity_proto::descriptors::Rpc;
use trinity_stack_tests::{Answer, Api, Installation};

use crate::matrix::rows;

const TABLE: &str = include_str!("objects.txt");
/// The weakest first. The first two may see nothing.
const CALLERS: [&str; 8] = ["stranger", "outsider", "view", "edit", "manage", "viewer", "editor", "admin"];
const KINDS: [&str; 8] = ["project", "folder", "workflow", "job", "run", "dataset", "schedule", "hook"];
const NOBODYS: &str = "0198c0de-0000-7000-8000-00000000dead";

/// One project with one of everything, shared with three people.
struct Fixture {
    ids: BTreeMap<&'static str, String>,
}

impl Fixture {
    async fn make(owner: &Api, people: &BTreeMap<&'static str, (String, Api)>) -> Self {
        let project = owner.project(&format!("Shared {}", uuid::Uuid::now_v7())).await;
        let dataset = owner.upload(&project, "some.csv", b"a,b\n1,2\n".to_vec()).await;
        let read = json!([{"id": "a", "atom": "csv-reader", "config": {"dataset": dataset["id"]}}]);
        let read = json!({"molecules": [{"id": "m", "type": "x", "atoms": read}], "connections": []});
        let workflow = owner.save(&project, "Some", read).await;
        let run = owner.execute(&workflow).await;
        owner.ended(&run).await;
        for (caller, level) in [("view", "view"), ("edit", "edit"), ("manage", "admin")] {
            let subject = json!({"type": "user", "id": people[caller].0});
            let grant = json!({"object_type": "project", "object_id": project, "subject": subject, "level": level});
            owner.post("/grants", grant).await.data();
        }
        let made = |answer: &Value| answer["id"].as_str().expect("an id").to_owned();
        let job = json!({"name": "Nightly", "steps": [{"workflow_id": workflow}]});
        let job = made(owner.post(&format!("/projects/{project}/jobs"), job).await.data());
        let folder = json!({"name": "Shelf"});
        let folder = made(owner.post(&format!("/projects/{project}/folders"), folder).await.data());
        let schedule = json!({"name": "Yearly", "workflow_id": workflow, "cron": "0 0 1 1 *"});
        let schedule = made(owner.post("/schedules", schedule).await.data());
        let hook = owner.post("/hooks", json!({"name": "Called", "workflow_id": workflow})).await;
        let (dataset, hook) = (made(&dataset), made(&hook.data()["hook"]));
        let ids = [
            ("project", project),
            ("folder", folder),
            ("dataset", dataset),
            ("workflow", workflow),
            ("run", run),
            ("job", job),
            ("schedule", schedule),
            ("hook", hook),
        ];
        Self { ids: BTreeMap::from(ids) }
    }
}

fn canvas() -> Value {
    let atoms = json!([{"id": "a", "atom": "noop", "config": {}}]);
    json!({"molecules": [{"id": "m", "type": "Utility", "atoms": atoms}], "connections": []})
}

/// The body of an RPC about the object `id`, as far as it needs more than the id.
fn body(rpc: &Rpc, id: &str) -> Value {
    match rpc.method.name() {
        "SaveCanvas" => json!({"project_id": id, "name": "Another", "canvas": canvas()}),
        "CreateFolder" => json!({"name": uuid::Uuid::now_v7()}),
        "CreateJob" => json!({"name": "Another", "steps": []}),
        _ => json!({}),
    }
}

async fn call(api: &Api, rpc: &Rpc, id: &str) -> Answer {
    let route = &rpc.routes[0];
    let path = route.template.replace(&format!("{{{}}}", rpc.policy.object_field), id);
    let path = path.replace("{version}", "1");
    let method: Method = route.verb.parse().expect("a verb");
    if rpc.method.is_client_streaming() {
        let path = format!("{path}?name={}&filename=a.csv", uuid::Uuid::now_v7());
        return api.raw(method, &path, "application/octet-stream", b"a\n1\n".to_vec()).await;
    }
    match method {
        Method::GET | Method::DELETE => api.raw(method, &path, "application/json", Vec::new()).await,
        _ => api.raw(method, &path, "application/json", body(rpc, id).to_string().into_bytes()).await,
    }
}

/// What differs in every answer taken away.
fn comparable(answer: &Answer, id: &str) -> (u16, String) {
    let mut body = answer.body.clone();
    body["meta"] = Value::Null;
    (answer.status, body.to_string().replace(id, "<id>"))
}

fn outcome(answer: &Answer) -> String {
    match answer.status {
        status @ (401 | 403 | 404) => status.to_string(),
        _ => "in".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_answer_by_what_the_caller_may_do_with_them() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (_, rival) = installation.tenant("rival").await;
    let mut people = BTreeMap::new();
    for (caller, role) in [
        ("outsider", "member"),
        ("view", "member"),
        ("edit", "member"),
        ("manage", "member"),
        ("viewer", "viewer"),
        ("editor", "editor"),
        ("admin", "admin"),
    ] {
        people.insert(caller, installation.named_person(&owner, "acme", caller, role).await);
    }
    people.insert("stranger", installation.named_person(&rival, "rival", "stranger", "admin").await);

    let rpcs = trinity_proto::descriptors::rpcs().expect("policies");
    let about_objects = rpcs.iter().filter(|rpc| {
        rpc.policy.access() == Access::Permission
            && KINDS.contains(&rpc.policy.object_type.as_str())
            && !rpc.policy.object_field.is_empty()
    });
    let (mut table, mut wrong) = (rows(TABLE), Vec::new());
    let mut fixture = Fixture::make(&owner, &people).await;
    for rpc in about_objects {
        let mut have = Vec::new();
        for caller in CALLERS {
            let (_, api) = &people[caller];
            let id = fixture.ids[rpc.policy.object_type.as_str()].clone();
            let answer = call(api, rpc, &id).await;
            if ["stranger", "outsider"].contains(&caller) {
                let nobodys = call(api, rpc, NOBODYS).await;
                assert_eq!(comparable(&answer, &id), comparable(&nobodys, NOBODYS), "{} to {caller}", rpc.path);
            }
            have.push(outcome(&answer));
            // Why: what changed an object must not decide what the next caller gets.
            if answer.status < 300 && !rpc.policy.audit_action.is_empty() {
                fixture = Fixture::make(&owner, &people).await;
            }
        }
        let name = rpc.path.trim_start_matches('/').to_owned();
        let want = table.remove(&name);
        if want.as_ref() != Some(&have) {
            wrong.push(format!("{name} {}, the table says {want:?}", have.join(" ")));
        }
    }
    wrong.extend(table.into_keys().map(|name| format!("{name} has a row and is no RPC about an object")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
