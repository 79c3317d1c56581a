//! Workflows that are parts of others: found when it matters, and never parts of themselves.

use serde_json::{Value, json};
use trinity_error::{Code, Error};
use trinity_ids::WorkflowId;
use trinity_proto::common::Json;
use trinity_proto::workflow as pb;

use crate::stage::{Person, Stage, answer, new_workflow, next_version, noops, text};

fn calling(id: &str) -> Value {
    json!({"molecules": [{"id": "m", "atoms": [{"id": "sub", "atom": "workflow", "config": {"workflow": id}}]}]})
}

async fn faults(stage: &Stage, person: &Person, id: &str) -> Vec<(String, String)> {
    let request = pb::ValidateWorkflowRequest { workflow_id: id.to_owned(), version: None };
    let answer = answer(stage.client.clone().validate_workflow(person.asks(request)).await).unwrap();
    assert_eq!(answer.valid, answer.faults.is_empty());
    answer.faults.into_iter().map(|fault| (fault.place, fault.code)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_called_workflow_is_looked_up_at_each_run() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let child = stage.saved(&editor, "Child", &noops(&["a"])).await;
    let parent = stage.saved(&editor, "Parent", &calling(&child.id)).await;
    let plan = stage.plan(&editor, &parent.id, None).await.unwrap();
    assert_eq!((plan.plan.unwrap().tasks[0].atom.as_str(), plan.faults.len()), ("workflow", 0));
    assert_eq!(faults(&stage, &editor, &parent.id).await, []);

    let gone = pb::DeleteWorkflowRequest { workflow_id: child.id.clone() };
    answer(stage.client.clone().delete_workflow(editor.asks(gone)).await).unwrap();
    let expected = [("molecules[0].atoms[0].config.workflow".to_owned(), "unknown_workflow".to_owned())];
    let plan = stage.plan(&editor, &parent.id, None).await.unwrap();
    assert_eq!((plan.plan, plan.faults[0].code.as_str()), (None, "unknown_workflow"));
    assert_eq!(faults(&stage, &editor, &parent.id).await, expected);
    // A draft may call it, and is told so each time.
    for name in ["Draft", "Draft"] {
        let request = new_workflow(&editor, name, &calling(&child.id).to_string());
        let told = stage.save(&editor, request).await.unwrap().faults;
        assert_eq!((told.len(), told[0].place.as_str()), (1, expected[0].0.as_str()));
    }
    let back = pb::RestoreWorkflowRequest { workflow_id: child.id };
    answer(stage.client.clone().restore_workflow(editor.asks(back)).await).unwrap();
    assert!(stage.plan(&editor, &parent.id, None).await.unwrap().plan.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_project_does_not_have_is_unknown_whosever_it_is() {
    let stage = Stage::new().await;
    let (editor, stranger) = (stage.editor(), stage.editor());
    let theirs = stage.saved(&stranger, "Theirs", &noops(&["a"])).await;
    for id in [theirs.id, WorkflowId::new().to_string()] {
        let request = new_workflow(&editor, &id, &calling(&id).to_string());
        let told = stage.save(&editor, request).await.unwrap().faults;
        assert_eq!(
            (told[0].code.as_str(), told[0].message.clone()),
            ("unknown_workflow", format!("the project has no workflow {id}"))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_cannot_be_a_part_of_itself() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Ouroboros", &noops(&["a"])).await;
    let save = next_version(&workflow, &calling(&workflow.id).to_string());
    let error = stage.save(&editor, save).await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, "CANVAS_INVALID"));
    let fault = &error.violations()[0];
    assert_eq!((fault.field.as_str(), fault.reason.as_str()), ("molecules[0].atoms[0].config.workflow", "self_call"));
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap().version, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_told_is_checked_and_goes_with_the_plan() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Told", &noops(&["a"])).await;
    assert_eq!(text(&stage.plan(&editor, &workflow.id, None).await.unwrap().notifications), "{}");
    let change = |document: &str| {
        let request = pb::UpdateWorkflowRequest {
            workflow_id: workflow.id.clone(),
            notifications: Some(Json::new(document)),
            ..Default::default()
        };
        let request = editor.asks(request);
        async { answer(stage.client.clone().update_workflow(request).await).map(|_| ()) }
    };
    let refused: Error = change(r#"{"on_success": {"email": ["nobody"]}}"#).await.unwrap_err();
    assert_eq!(refused.violations()[0].field, "notifications.on_success.email[0]");
    let document = r#"{"on_failure": {"in_app": true}}"#;
    change(document).await.unwrap();
    assert_eq!(text(&stage.plan(&editor, &workflow.id, None).await.unwrap().notifications), document);
}
