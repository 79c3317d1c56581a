//! Executions are counted once by their run id.

use futures::future::join_all;
use trinity_error::Code;
use trinity_ids::{RunId, WorkflowId};
use trinity_proto::Timestamp;
use trinity_proto::workflow as pb;

use crate::stage::{Person, Stage, answer, noops};

fn executed(person: &Person, workflow: &str, run: RunId, seconds: i64) -> pb::RecordExecutionRequest {
    pb::RecordExecutionRequest {
        tenant_id: person.tenant.into(),
        workflow_id: workflow.to_owned(),
        run_id: run.into(),
        executed_at: Some(Timestamp { seconds, nanos: 0 }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_counts_once_however_often_it_is_told() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Busy", &noops(&["a"])).await;
    let runs: Vec<RunId> = (0..5).map(|_| RunId::new()).collect();
    let calls = runs.iter().chain(&runs).chain(&runs).enumerate().map(|(at, run)| {
        let message = executed(&editor, &workflow.id, *run, 1_000 + i64::try_from(at).unwrap() % 5);
        let mut client = stage.client.clone();
        let request = stage.by_service(message);
        async move { client.record_execution(request).await.unwrap() }
    });
    join_all(calls).await;
    let now = stage.get(&editor, &workflow.id).await.unwrap();
    assert_eq!((now.execution_count, now.version), (5, 1));
    assert_eq!(now.last_executed_at.unwrap().seconds, 1_004);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_not_counted_and_people_may_not_count() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let nothing = executed(&editor, &WorkflowId::new().to_string(), RunId::new(), 1);
    let error = answer(stage.client.clone().record_execution(stage.by_service(nothing.clone())).await).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::NotFound, "WORKFLOW_NOT_FOUND"));
    let error = answer(stage.client.clone().record_execution(editor.asks(nothing)).await).unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
}
