//! The lock: held by one, given back by the same.

use trinity_error::{Code, Error};
use trinity_proto::workflow as pb;

use crate::stage::{Person, Stage, answer, next_version, noops, text};

async fn check_out(stage: &Stage, person: &Person, id: &str) -> Result<pb::Workflow, Error> {
    let request = person.asks(pb::CheckOutRequest { workflow_id: id.to_owned() });
    answer(stage.client.clone().check_out(request).await).map(|answer| answer.workflow.unwrap())
}

async fn check_in(stage: &Stage, person: &Person, id: &str, comment: &str) -> Result<pb::Workflow, Error> {
    let request = person.asks(pb::CheckInRequest { workflow_id: id.to_owned(), comment: comment.to_owned() });
    answer(stage.client.clone().check_in(request).await).map(|answer| answer.workflow.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_changes_what_is_checked_out() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let other = stage.colleague(editor.tenant, editor.project);
    let workflow = stage.saved(&editor, "Held", &noops(&["a"])).await;
    let held = check_out(&stage, &editor, &workflow.id).await.unwrap();
    assert_eq!(held.checked_out_by, Some(editor.user.to_string()));
    let again = check_out(&stage, &editor, &workflow.id).await.unwrap();
    assert_eq!(again.checked_out_at, held.checked_out_at);

    let id = || workflow.id.clone();
    let rename = pb::UpdateWorkflowRequest { workflow_id: id(), name: Some("Mine".to_owned()), ..Default::default() };
    let refused = [
        stage.save(&other, next_version(&workflow, &noops(&["b"]).to_string())).await.map(|_| ()),
        answer(stage.client.clone().update_workflow(other.asks(rename)).await).map(|_| ()),
        answer(stage.client.clone().delete_workflow(other.asks(pb::DeleteWorkflowRequest { workflow_id: id() })).await)
            .map(|_| ()),
        check_out(&stage, &other, &workflow.id).await.map(|_| ()),
        check_in(&stage, &other, &workflow.id, "mine").await.map(|_| ()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::FailedPrecondition, "CHECKED_OUT"));
    }

    let saved = stage.save(&editor, next_version(&workflow, &noops(&["b"]).to_string())).await.unwrap();
    assert_eq!(saved.workflow.unwrap().version, 2);
    let free = check_in(&stage, &editor, &workflow.id, "b instead of a").await.unwrap();
    assert_eq!((free.checked_out_by, free.checked_out_at), (None, None));
    assert_eq!(text(&free.canvas), noops(&["b"]).to_string());
    let request = pb::GetVersionRequest { workflow_id: id(), version: 2 };
    let version = answer(stage.client.clone().get_version(other.asks(request)).await).unwrap().version.unwrap();
    assert_eq!(version.comment, "b instead of a");
    assert_eq!(check_in(&stage, &editor, &workflow.id, "").await.unwrap_err().reason(), "NOT_CHECKED_OUT");
    check_out(&stage, &other, &workflow.id).await.unwrap();
}
