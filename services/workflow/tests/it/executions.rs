//! Executions are counted once by their run id.

use futures::future::join_all;
use trinity_error::Code;
use trinity_ids::{RunId, WorkflowId};
use trinity_proto::Timestamp;
use trinity_proto::workflow as pb;

use crate::stage::{Person, Stage, answer, noops};

fn executed(workflow: &str, run: RunId, seconds: i64) -> pb::Execution {
    pb::Execution {
        workflow_id: workflow.to_owned(),
        run_id: run.into(),
        executed_at: Some(Timestamp { seconds, nanos: 0 }),
    }
}

fn told(person: &Person, executions: Vec<pb::Execution>) -> pb::RecordExecutionsRequest {
    pb::RecordExecutionsRequest { tenant_id: person.tenant.into(), executions }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_counts_once_however_often_it_is_told() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let (busy, calm) =
        (stage.saved(&editor, "Busy", &noops(&["a"])).await, stage.saved(&editor, "Calm", &noops(&["a"])).await);
    let runs: Vec<RunId> = (0..5).map(|_| RunId::new()).collect();
    let all =
        |workflow: &str| runs.iter().zip(1_000..).map(|(run, at)| executed(workflow, *run, at)).collect::<Vec<_>>();
    // Each call tells of some runs twice, and of the two workflows in another order.
    let calls = (0..runs.len()).map(|number| {
        let mut executions = [all(&busy.id), all(&calm.id)[..2].to_vec(), all(&busy.id)[number..].to_vec()].concat();
        if number % 2 == 1 {
            executions.reverse();
        }
        let mut client = stage.client.clone();
        let request = stage.by_service(told(&editor, executions));
        async move { client.record_executions(request).await.unwrap() }
    });
    join_all(calls).await;
    for (workflow, count, last) in [(&busy.id, 5, 1_004), (&calm.id, 2, 1_001)] {
        let now = stage.get(&editor, workflow).await.unwrap();
        assert_eq!((now.execution_count, now.version), (count, 1));
        assert_eq!(now.last_executed_at.unwrap().seconds, last);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_passed_over_and_people_may_not_count() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "There", &noops(&["a"])).await;
    let nothing = executed(&WorkflowId::new().to_string(), RunId::new(), 1);
    let both = told(&editor, vec![nothing, executed(&workflow.id, RunId::new(), 2)]);
    stage.client.clone().record_executions(stage.by_service(both.clone())).await.unwrap();
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap().execution_count, 1);
    let error = answer(stage.client.clone().record_executions(editor.asks(both)).await).unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_named_with_its_place_and_nothing_is_counted() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "There", &noops(&["a"])).await;
    let sound = executed(&workflow.id, RunId::new(), 2);
    let faulty = pb::Execution { run_id: "seven".to_owned(), ..sound.clone() };
    let request = stage.by_service(told(&editor, vec![sound, faulty]));
    let error = answer(stage.client.clone().record_executions(request).await).unwrap_err();
    assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, "executions[1].run_id"));
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap().execution_count, 0);
}
