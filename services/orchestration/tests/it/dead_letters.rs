//! Going on from what failed: dead letters and runs that take over what an earlier one completed.

use trinity_access::{Level, ObjectKind};
use trinity_error::{Code, Error};
use trinity_ids::{TaskId, UserId, WorkflowId};
use trinity_proto::orchestration as pb;
use trinity_proto::workflow::PlanTask;

use crate::bench::{Bench, Worker, request_with};
use crate::peers::{task, when};

const LEASE_MS: u32 = 60_000;

/// A run of which the first task completed, with a table, and the second failed.
async fn failed_run(bench: &Bench, worker: &mut Worker) -> String {
    let mut second = task("second", &[0]);
    second.max_attempts = 1;
    second.config = Some(trinity_proto::common::Json::new(r#"{"x":1}"#));
    let workflow = bench.workflow(vec![
        task("first", &[]),
        second,
        task("third", &[1]),
        PlanTask { inputs: vec![when(0, "rows_out > 100")], ..task("never", &[]) },
    ]);
    let run = bench.execute_with(&workflow, r#"{"a":1}"#).await;
    let first = worker.task().await;
    let output = pb::OutputFile {
        name: "data".to_owned(),
        storage_key: "first.parquet".to_owned(),
        rows: 5,
        ..pb::OutputFile::default()
    };
    worker.complete_with(&first, vec![output]);
    let second = worker.task().await;
    worker.fail(&second, false);
    bench.ended(&run, pb::RunStatus::Failed).await;
    run
}

async fn letters(bench: &Bench) -> Vec<pb::Task> {
    let message = pb::ListDeadLettersRequest::default();
    bench.letters().list_dead_letters(bench.request(message)).await.unwrap().into_inner().tasks
}

fn reason<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> String {
    Error::from(answer.unwrap_err()).reason().to_owned()
}

/// The rest of a run that goes on from [`failed_run`].
async fn finish(bench: &Bench, worker: &mut Worker, run: &str) {
    for place in ["second", "third"] {
        let next = worker.task().await;
        assert_eq!((next.place.as_str(), next.run_id.as_str()), (place, run));
        if place == "second" {
            assert_eq!(next.inputs[0].storage_key, "first.parquet", "the good output is kept");
            assert_eq!(next.context.clone().unwrap().text, r#"{"a":1}"#);
        }
        worker.complete(&next);
    }
    let ended = bench.ended(run, pb::RunStatus::Succeeded).await;
    assert_eq!(ended.result.unwrap().text, r#"{"tasks":{"completed":3,"skipped":1}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_from_the_failed_tasks_keeps_what_completed() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut worker = bench.worker(1).await;
    let run = failed_run(&bench, &mut worker).await;
    let message = pb::RerunRunRequest { run_id: run.clone(), from_failed: true };
    let again = bench.runs().rerun_run(bench.request(message)).await.unwrap().into_inner().run_id;
    finish(&bench, &mut worker, &again).await;
    assert_eq!(bench.run(&again).await.rerun_of.as_deref(), Some(run.as_str()));
    assert_eq!(bench.run(&run).await.status(), pb::RunStatus::Failed, "history stays");
    let (old, new) = (bench.tasks(&run).await, bench.tasks(&again).await);
    assert_eq!(new[0].outputs, old[0].outputs);
    assert_ne!(new[0].id, old[0].id);
    let message = pb::RerunRunRequest { run_id: again, from_failed: true };
    assert_eq!(reason(bench.runs().rerun_run(bench.request(message)).await), "RUN_NOT_FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_shown_replayed_and_gone() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut worker = bench.worker(1).await;
    let run = failed_run(&bench, &mut worker).await;
    let letter = letters(&bench).await.pop().unwrap();
    let get = pb::GetDeadLetterRequest { task_id: letter.id.clone() };
    let shown = bench.letters().get_dead_letter(bench.request(get.clone())).await.unwrap().into_inner();
    let shown = shown.dead_letter.unwrap();
    assert_eq!(shown.config.unwrap().text, r#"{"x":1}"#);
    assert_eq!(shown.context.unwrap().text, r#"{"a":1}"#);
    assert_eq!(shown.dataset_ids, [bench.tasks(&run).await[0].outputs[0].dataset_id.clone()]);
    assert_eq!(shown.task.unwrap().error.unwrap().code, "BAD");

    let replay = pb::ReplayDeadLetterRequest { task_id: letter.id.clone() };
    let (one, other) =
        tokio::join!(async { bench.letters().replay_dead_letter(bench.request(replay.clone())).await }, async {
            bench.letters().replay_dead_letter(bench.request(replay.clone())).await
        },);
    let (made, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(reason(refused), "DEAD_LETTER_NOT_FOUND", "of two who replay at once one finds nothing");
    finish(&bench, &mut worker, &made.unwrap().into_inner().run_id).await;
    assert!(letters(&bench).await.is_empty());
    assert_eq!(reason(bench.letters().get_dead_letter(bench.request(get)).await), "DEAD_LETTER_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_dead_letter_is_gone_and_nobody_meddles_with_anothers() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut worker = bench.worker(1).await;
    failed_run(&bench, &mut worker).await;
    let letter = letters(&bench).await.pop().unwrap();
    let viewer =
        bench.person(UserId::new(), "member", &[(ObjectKind::Project, bench.peers.project.uuid(), Level::View)]);
    let outsider = bench.person(UserId::new(), "member", &[]);
    let discard = |id: &str| pb::DiscardDeadLetterRequest { task_id: id.to_owned() };
    let as_viewer = bench.letters().discard_dead_letter(request_with(&viewer, discard(&letter.id))).await;
    assert_eq!(Error::from(as_viewer.unwrap_err()).code(), Code::PermissionDenied);
    let hidden = bench.letters().discard_dead_letter(request_with(&outsider, discard(&letter.id))).await.unwrap_err();
    let random = discard(&TaskId::new().to_string());
    let random = bench.letters().discard_dead_letter(request_with(&outsider, random)).await.unwrap_err();
    assert_eq!(
        (hidden.code(), hidden.message(), hidden.details()),
        (random.code(), random.message(), random.details())
    );
    bench.letters().discard_dead_letter(bench.request(discard(&letter.id))).await.unwrap();
    assert!(letters(&bench).await.is_empty());
    assert_eq!(
        reason(bench.letters().discard_dead_letter(bench.request(discard(&letter.id))).await),
        "DEAD_LETTER_NOT_FOUND"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_is_gone_is_not_gone_on_with() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut worker = bench.worker(1).await;
    let run = failed_run(&bench, &mut worker).await;
    let workflow = bench.run(&run).await.workflow_id;
    assert!(workflow.parse::<WorkflowId>().is_ok());
    bench.peers.missing.lock().unwrap().insert(workflow);
    let message = pb::RerunRunRequest { run_id: run, from_failed: true };
    assert_eq!(reason(bench.runs().rerun_run(bench.request(message)).await), "WORKFLOW_NOT_FOUND");
    assert_eq!(letters(&bench).await.len(), 1);
}
