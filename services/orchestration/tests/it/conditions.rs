//! Edges that are followed only when a condition holds, and tasks for which one edge is enough.

use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::connect_request::Kind as Up;
use trinity_proto::workflow::PlanTask;

use crate::bench::Bench;
use crate::peers::{task, when};

const LEASE_MS: u32 = 60_000;

fn conditional(place: &str, from: u32, expression: &str) -> PlanTask {
    PlanTask { inputs: vec![when(from, expression)], ..task(place, &[]) }
}

/// The places of a run's tasks with their statuses, in the order of the plan.
async fn statuses(bench: &Bench, run: &str) -> Vec<(String, pb::TaskStatus)> {
    bench.tasks(run).await.into_iter().map(|task| (task.place.clone(), task.status())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_decided_by_what_the_task_before_left_and_by_the_context() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(vec![
        task("score", &[]),
        conditional("high", 0, "result.score > 0.5 && context.region == 'north'"),
        conditional("low", 0, "result.score <= 0.5"),
        conditional("empty", 0, "rows_out == 0 || outputs.data.rows < 3"),
        conditional("some", 0, "outputs.data.size_bytes == 100 && status == 'completed'"),
    ]);
    let run = bench.execute_with(&workflow, r#"{"region": "north"}"#).await;
    let mut worker = bench.worker(4).await;
    let first = worker.task().await;
    let output = pb::OutputFile {
        name: "data".to_owned(),
        storage_key: "k".to_owned(),
        rows: 5,
        size_bytes: 100,
        ..pb::OutputFile::default()
    };
    worker.say(Up::Completed(pb::TaskCompleted {
        task: first.task.clone(),
        rows_out: 5,
        outputs: vec![output],
        result: Some(Json::new(r#"{"score": 0.75}"#)),
        ..pb::TaskCompleted::default()
    }));
    for expected in ["high", "some"] {
        let next = worker.task().await;
        assert_eq!((next.place.as_str(), next.inputs[0].storage_key.as_str()), (expected, "k"));
        worker.complete(&next);
    }
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    let expected = [
        ("score", pb::TaskStatus::Completed),
        ("high", pb::TaskStatus::Completed),
        ("low", pb::TaskStatus::Skipped),
        ("empty", pb::TaskStatus::Skipped),
        ("some", pb::TaskStatus::Completed),
    ];
    assert_eq!(statuses(&bench, &run).await, expected.map(|(place, status)| (place.to_owned(), status)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_cannot_be_evaluated_fails_what_follows_and_names_the_edge() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), conditional("b", 0, "result.nothing > 1"), task("c", &[1])]);
    let run = bench.execute().await;
    let mut worker = bench.worker(1).await;
    let first = worker.task().await;
    worker.complete(&first);
    let error = bench.ended(&run, pb::RunStatus::Failed).await.error.unwrap();
    assert_eq!((error.task.as_str(), error.code.as_str()), ("b", "CONDITION_FAILED"));
    assert!(error.message.contains("from a to b"), "{}", error.message);
    assert_eq!(statuses(&bench, &run).await[2].1, pb::TaskStatus::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_takes_any_input_waits_for_all_and_gets_those_that_came() {
    let bench = Bench::new(5, LEASE_MS).await;
    let any = PlanTask {
        any_input: true,
        inputs: vec![when(0, "rows_out > 100"), when(1, "rows_out == 5"), when(2, "true")],
        ..task("join", &[])
    };
    let mut failing = task("c", &[]);
    failing.max_attempts = 1;
    bench.plan(vec![task("a", &[]), task("b", &[]), failing, any.clone()]);
    let run = bench.execute().await;
    let mut worker = bench.worker(4).await;
    let tasks = [worker.task().await, worker.task().await, worker.task().await];
    let output = |key: &str| pb::OutputFile {
        name: "data".to_owned(),
        storage_key: key.to_owned(),
        rows: 5,
        ..pb::OutputFile::default()
    };
    for one in &tasks {
        match one.place.as_str() {
            "c" => worker.fail(one, false),
            place => worker.complete_with(one, vec![output(place)]),
        }
    }
    let join = worker.task().await;
    let keys: Vec<_> = join.inputs.iter().map(|input| input.storage_key.as_str()).collect();
    assert_eq!((join.place.as_str(), keys), ("join", vec!["b"]));
    worker.complete(&join);
    bench.ended(&run, pb::RunStatus::Failed).await;

    // When nothing comes, it is skipped.
    bench.plan(vec![task("a", &[]), PlanTask { inputs: vec![when(0, "false")], ..any }]);
    let run = bench.execute().await;
    let first = worker.task().await;
    worker.complete(&first);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!(statuses(&bench, &run).await[1].1, pb::TaskStatus::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_takes_too_long_fails_and_its_tasks_are_stopped() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(Vec::new());
    let mut plan = crate::peers::plan(vec![task("a", &[]), task("b", &[0])]);
    plan.timeout_ms = 3_600_000;
    bench.plan_of(&workflow, plan);
    let run = bench.execute_with(&workflow, "{}").await;
    assert!(bench.run(&run).await.deadline_at.is_some());
    let mut worker = bench.worker(1).await;
    let running = worker.task().await;
    bench.sql("UPDATE orchestration.runs SET deadline_at = now() - interval '1 second'").await;
    assert_eq!(Some(worker.cancelled().await), running.task);
    let ended = bench.ended(&run, pb::RunStatus::Failed).await;
    assert_eq!(ended.error.unwrap().code, "RUN_TIMEOUT");
    assert!(bench.tasks(&run).await.iter().all(|task| task.status() == pb::TaskStatus::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tasks_own_back_off_is_kept_and_told() {
    let bench = Bench::new(5, LEASE_MS).await;
    let slow = PlanTask { backoff_ms: 3_600_000, max_backoff_ms: 7_200_000, ..task("a", &[]) };
    bench.plan(vec![slow]);
    let run = bench.execute().await;
    let mut worker = bench.worker(1).await;
    let first = worker.task().await;
    worker.fail(&first, true);
    worker.recorded().await;
    let waiting = bench.tasks(&run).await[0].clone();
    assert_eq!(waiting.waiting_reason(), pb::WaitingReason::BackOff);
    let until = waiting.waiting_until.unwrap().seconds - waiting.queued_at.unwrap().seconds;
    assert!((1_799..=3_601).contains(&until), "{until}");
}
