//! Versions stay, lists page, names change, and the deleted come back.

use sqlx::{Connection, PgConnection};
use trinity_error::{Code, Error};
use trinity_proto::common::Json;
use trinity_proto::workflow as pb;

use crate::stage::{Person, Stage, answer, new_workflow, next_version, noops, text};

async fn update(stage: &Stage, person: &Person, request: pb::UpdateWorkflowRequest) -> Result<pb::Workflow, Error> {
    answer(stage.client.clone().update_workflow(person.asks(request)).await).map(|answer| answer.workflow.unwrap())
}

async fn list(stage: &Stage, person: &Person, request: pb::ListWorkflowsRequest) -> pb::ListWorkflowsResponse {
    let request = pb::ListWorkflowsRequest { project_id: person.project.into(), ..request };
    answer(stage.client.clone().list_workflows(person.asks(request)).await).unwrap()
}

fn names(answer: &pb::ListWorkflowsResponse) -> Vec<&str> {
    answer.workflows.iter().map(|workflow| workflow.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_listed_newest_first_by_key() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let mut workflow = stage.saved(&editor, "Long", &noops(&["v1"])).await;
    for version in 2..=5 {
        let canvas = noops(&[&format!("v{version}")]).to_string();
        let request =
            pb::SaveCanvasRequest { comment: format!("version {version}"), ..next_version(&workflow, &canvas) };
        workflow = stage.save(&editor, request).await.unwrap().workflow.unwrap();
    }
    let page = |token: &str| pb::ListVersionsRequest {
        workflow_id: workflow.id.clone(),
        per_page: 2,
        page_token: token.to_owned(),
    };
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let answer = answer(stage.client.clone().list_versions(editor.asks(page(&token))).await).unwrap();
        seen.extend(
            answer.versions.iter().map(|version| (version.version, version.comment.clone(), version.canvas.is_none())),
        );
        token = answer.page.unwrap().next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> =
        (1..=5).rev().map(|n| (n, if n == 1 { String::new() } else { format!("version {n}") }, true)).collect();
    assert_eq!(seen, expected);
    let request = pb::GetVersionRequest { workflow_id: workflow.id.clone(), version: 3 };
    let third = answer(stage.client.clone().get_version(editor.asks(request)).await).unwrap().version.unwrap();
    assert_eq!(text(&third.canvas), noops(&["v3"]).to_string());
    assert_eq!(stage.plan(&editor, &workflow.id, Some(3)).await.unwrap().plan.unwrap().tasks[0].place, "main.v3");
    assert_eq!(stage.plan(&editor, &workflow.id, Some(6)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_cannot_be_changed_by_the_serving_role() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    stage.saved(&editor, "Fixed", &noops(&["a"])).await;
    let mut serving = PgConnection::connect(stage.db.url()).await.unwrap();
    for statement in [
        "UPDATE workflow_versions SET canvas = '{}'",
        "UPDATE workflow_versions SET version = 7",
        "DELETE FROM workflow_versions",
        "TRUNCATE workflow_versions",
    ] {
        let error = sqlx::query(statement).execute(&mut serving).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{statement}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_are_listed_by_page_and_by_atom() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    for name in ["One", "Two", "Three"] {
        stage.saved(&editor, name, &noops(&["a", "b"])).await;
    }
    let waiting = serde_json::json!({"molecules": [{"id": "m", "atoms": [{"id": "w", "atom": "fail"}]}]});
    let request = new_workflow(&editor, "Four", &waiting.to_string());
    let fourth = stage.save(&editor, request).await.unwrap().workflow.unwrap();
    let first = list(&stage, &editor, pb::ListWorkflowsRequest { per_page: 3, ..Default::default() }).await;
    assert_eq!(names(&first), ["Four", "Three", "Two"]);
    assert!(first.workflows.iter().all(|workflow| workflow.canvas.is_none()));
    let page = first.page.unwrap();
    assert_eq!((page.total, page.total_pages), (Some(4), Some(2)));
    let rest = pb::ListWorkflowsRequest { per_page: 3, page_token: page.next_page_token, ..Default::default() };
    assert_eq!(names(&list(&stage, &editor, rest).await), ["One"]);

    let by_atom = |atom: &str| pb::ListWorkflowsRequest { atom: atom.to_owned(), ..Default::default() };
    assert_eq!(names(&list(&stage, &editor, by_atom("noop")).await), ["Three", "Two", "One"]);
    assert_eq!(names(&list(&stage, &editor, by_atom("fail")).await), ["Four"]);
    assert_eq!(names(&list(&stage, &editor, by_atom("join")).await), [] as [&str; 0]);
    stage.save(&editor, next_version(&fourth, &noops(&["a"]).to_string())).await.unwrap();
    assert_eq!(names(&list(&stage, &editor, by_atom("fail")).await), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_beside_the_canvas_is_a_version_too() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Old name", &noops(&["a"])).await;
    let change = pb::UpdateWorkflowRequest {
        workflow_id: workflow.id.clone(),
        version: Some(1),
        name: Some("New name".to_owned()),
        tags: vec!["weather".to_owned(), "daily".to_owned()],
        parameters: Some(Json::new(r#"{"z": 12345678901234567890, "a":1}"#)),
        ..Default::default()
    };
    let changed = update(&stage, &editor, change.clone()).await.unwrap();
    assert_eq!((changed.version, changed.name.as_str(), changed.slug.as_str()), (2, "New name", "old-name"));
    assert_eq!(text(&changed.parameters), r#"{"z": 12345678901234567890, "a":1}"#);
    assert_eq!(changed.tags, ["weather", "daily"]);
    assert_eq!(text(&changed.canvas), noops(&["a"]).to_string());
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap().canvas, changed.canvas);
    assert_eq!(update(&stage, &editor, change.clone()).await.unwrap_err().reason(), "VERSION_CONFLICT");
    let same = pb::UpdateWorkflowRequest { version: Some(2), ..change };
    assert_eq!(update(&stage, &editor, same).await.unwrap().version, 2);
    let bad = pb::UpdateWorkflowRequest {
        workflow_id: workflow.id,
        parameters: Some(Json::new("[1]")),
        ..Default::default()
    };
    assert_eq!(update(&stage, &editor, bad).await.unwrap_err().violations()[0].field, "parameters");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_workflow_is_gone_until_it_is_restored() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Phoenix", &noops(&["a"])).await;
    let delete = || editor.asks(pb::DeleteWorkflowRequest { workflow_id: workflow.id.clone() });
    let restore = || editor.asks(pb::RestoreWorkflowRequest { workflow_id: workflow.id.clone() });
    answer(stage.client.clone().delete_workflow(delete()).await).unwrap();
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
    assert_eq!(stage.plan(&editor, &workflow.id, None).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(names(&list(&stage, &editor, pb::ListWorkflowsRequest::default()).await), [] as [&str; 0]);
    assert_eq!(answer(stage.client.clone().delete_workflow(delete()).await).unwrap_err().code(), Code::NotFound);

    // Its slug is free meanwhile, and while another has it, it cannot come back.
    let heir = stage.saved(&editor, "Phoenix", &noops(&["b"])).await;
    assert_ne!(heir.id, workflow.id);
    let error = answer(stage.client.clone().restore_workflow(restore()).await).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::AlreadyExists, "SLUG_TAKEN"));
    let moved = pb::UpdateWorkflowRequest { workflow_id: heir.id, slug: Some("heir".to_owned()), ..Default::default() };
    update(&stage, &editor, moved).await.unwrap();
    let back = answer(stage.client.clone().restore_workflow(restore()).await).unwrap().workflow.unwrap();
    assert_eq!((back.deleted_at, text(&back.canvas)), (None, noops(&["a"]).to_string().as_str()));
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap().version, 1);
}
