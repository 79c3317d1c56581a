//! Runs that share a key, and priorities among runs.

use trinity_proto::orchestration as pb;
use trinity_proto::workflow::Plan;

use crate::bench::{Bench, execution};
use crate::peers::{plan, sub_workflow, task};

const LEASE_MS: u32 = 60_000;

/// A workflow of one task whose runs with the same customer go one by one.
fn keyed(bench: &Bench, limit: u32) -> String {
    let id = bench.workflow(Vec::new());
    let plan = Plan {
        concurrency_key: "'customer-' + context.customer".to_owned(),
        concurrency_limit: limit,
        ..plan(vec![task("a", &[])])
    };
    bench.plan_of(&id, plan);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_with_the_same_key_go_as_many_at_once_as_it_says() {
    let bench = Bench::new(50, LEASE_MS).await;
    let workflow = keyed(&bench, 2);
    let mut worker = bench.worker(20).await;
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(bench.execute_with(&workflow, r#"{"customer":"x"}"#).await);
    }
    let other = bench.execute_with(&workflow, r#"{"customer":"y"}"#).await;
    let mut running = vec![worker.task().await, worker.task().await, worker.task().await];
    let mut going: Vec<_> = running.iter().map(|task| task.run_id.clone()).collect();
    going.sort_unstable();
    assert_eq!(going, [runs[0].clone(), runs[1].clone(), other.clone()]);
    let waiting = bench.tasks(&runs[2]).await[0].clone();
    assert_eq!(waiting.waiting_reason(), pb::WaitingReason::ConcurrencyKey);
    assert_eq!(bench.run(&runs[2]).await.concurrency_key, "customer-x");
    running.retain(|task| task.run_id != other);
    for next in &runs[2..] {
        worker.complete(&running.remove(0));
        let admitted = worker.task().await;
        assert_eq!(&admitted.run_id, next, "the oldest goes first");
        let going = "SELECT count(*) FROM orchestration.runs WHERE completed_at IS NULL AND admitted
            AND concurrency_key = 'customer-x'";
        assert_eq!(bench.ask::<i64>(going).await, 2);
        running.push(admitted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_key_can_be_cancelled_and_one_that_goes_makes_room_when_it_is() {
    let bench = Bench::new(50, LEASE_MS).await;
    let workflow = keyed(&bench, 1);
    let mut worker = bench.worker(5).await;
    let first = bench.execute_with(&workflow, r#"{"customer":"x"}"#).await;
    let second = bench.execute_with(&workflow, r#"{"customer":"x"}"#).await;
    let third = bench.execute_with(&workflow, r#"{"customer":"x"}"#).await;
    worker.task().await;
    for run in [&second, &first] {
        let message = pb::CancelRunRequest { run_id: run.clone() };
        bench.runs().cancel_run(bench.request(message)).await.unwrap();
    }
    assert_eq!(worker.task().await.run_id, third);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_with_its_parents_key_goes_on_its_parents_room() {
    let bench = Bench::new(50, LEASE_MS).await;
    let inner = keyed(&bench, 1);
    let outer = bench.workflow(Vec::new());
    let sub = Plan {
        concurrency_key: "'customer-' + context.customer".to_owned(),
        concurrency_limit: 1,
        ..plan(vec![sub_workflow("sub", &[], &inner, "")])
    };
    bench.plan_of(&outer, sub);
    let mut worker = bench.worker(5).await;
    let run = bench.execute_with(&outer, r#"{"customer":"x"}"#).await;
    let work = worker.task().await;
    worker.complete(&work);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_evaluated_starts_nothing() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = keyed(&bench, 1);
    let refused = bench.runs().execute_workflow(bench.request(execution(&workflow))).await.unwrap_err();
    assert_eq!(trinity_error::Error::from(refused).reason(), "CONCURRENCY_KEY_FAILED");
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.runs").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_more_urgent_run_goes_first() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let start = async |priority: i32| {
        let workflow = bench.workflow(vec![task("a", &[])]);
        let message = pb::ExecuteWorkflowRequest { priority, ..execution(&workflow) };
        bench.runs().execute_workflow(bench.request(message)).await.map(|answer| answer.into_inner().run_id)
    };
    let (usual, urgent, later) = (start(0).await.unwrap(), start(10).await.unwrap(), start(-10).await.unwrap());
    assert_eq!(start(1_001).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let mut worker = bench.worker(1).await;
    for expected in [urgent, usual, later] {
        let next = worker.task().await;
        assert_eq!(next.run_id, expected);
        worker.complete(&next);
    }
}
