//! Runs that an engine keeps in its memory while nobody else writes them: its own from the start, others when they are
//! large.

use std::collections::BTreeMap;

use trinity_proto::orchestration as pb;
use trinity_proto::workflow::PlanTask;

use crate::bench::Bench;
use crate::peers::task;

const LEASE_MS: u32 = 60_000;
/// Enough to be kept.
const MANY: u32 = 40;
const KEEPERS: &str = "SELECT count(DISTINCT kept_by) FROM orchestration.runs WHERE kept_by IS NOT NULL";

/// Many tasks, and one behind them all.
fn funnel() -> Vec<PlanTask> {
    let all: Vec<u32> = (0..MANY).collect();
    let mut tasks: Vec<PlanTask> = all.iter().map(|number| task(&format!("m{number}"), &[])).collect();
    tasks.push(task("last", &all));
    tasks
}

/// How many tasks of a run stand how.
async fn counts(bench: &Bench, run: &str) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for task in bench.tasks(run).await {
        *counts.entry(task.status().as_str_name()).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_take_a_large_run_out_of_each_others_hands() {
    let bench = Bench::new(10, LEASE_MS).await;
    bench.plan(funnel());
    let mut one = bench.worker(1).await;
    bench.move_to_replica().await;
    let mut other = bench.worker(1).await;
    let run = bench.execute().await;
    for _ in 0..MANY / 2 {
        for worker in [&mut one, &mut other] {
            let task = worker.task().await;
            worker.complete(&task);
            worker.recorded().await;
        }
        assert_eq!(bench.ask::<i64>(KEEPERS).await, 1, "the engine that wrote last has it");
    }
    tokio::select! {
        task = one.task() => one.complete(&task),
        task = other.task() => other.complete(&task),
    }
    let ended = bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!(ended.rows_processed, u64::from(MANY + 1) * 10);
    assert!(bench.tasks(&run).await.iter().all(|task| task.attempt == 1 && task.started_at.is_some()));
    assert_eq!(bench.ask::<i64>(KEEPERS).await, 0, "what has ended is nobody's");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_does_not_read_the_tasks_of_its_own_runs_again() {
    let bench = Bench::new(10, LEASE_MS).await;
    bench.plan(vec![task("first", &[]), task("second", &[0])]);
    let run = bench.execute().await;
    assert_eq!(bench.ask::<i64>(KEEPERS).await, 1);
    // Who reads them now finds a second task that nothing leads to.
    bench.sql("UPDATE orchestration.tasks SET upstream = '{}', edge_types = '{}' WHERE ordinal = 1").await;
    let mut worker = bench.worker(1).await;
    let first = worker.task().await;
    assert_eq!(first.place, "first");
    worker.complete(&first);
    let second = worker.task().await;
    assert_eq!(second.place, "second");
    worker.complete(&second);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!(bench.ask::<i64>(KEEPERS).await, 0, "what has ended is nobody's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_replica_started_is_taken_over() {
    let bench = Bench::new(10, LEASE_MS).await;
    bench.plan(vec![task("first", &[]), task("second", &[0])]);
    let mut worker = bench.worker(1).await;
    bench.move_to_replica().await;
    let run = bench.execute().await;
    for place in ["first", "second"] {
        let task = worker.task().await;
        assert_eq!(task.place, place);
        worker.complete(&task);
        worker.recorded().await;
    }
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!(bench.ask::<i64>(KEEPERS).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_lost_leases_of_a_kept_run_count() {
    let bench = Bench::new(10, LEASE_MS).await;
    bench.plan(funnel());
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let first = worker.task().await;
    worker.complete(&first);
    assert_eq!(worker.recorded().await.len(), 1);

    let broken = worker.task().await;
    worker.fail(&broken, true);
    worker.recorded().await;
    let lost = worker.task().await;
    bench
        .sql("UPDATE orchestration.queue SET lease_until = now() - interval '1 second' WHERE worker_id IS NOT NULL")
        .await;
    let mut attempts = BTreeMap::new();
    for _ in 0..MANY {
        let task = worker.task().await;
        let key = task.task.clone().unwrap();
        attempts.insert(key.task_id, key.attempt);
        worker.complete(&task);
    }
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    for again in [broken, lost] {
        assert_eq!(attempts[&again.task.unwrap().task_id], 2);
    }
    assert_eq!(attempts.values().filter(|attempt| **attempt == 1).count(), attempts.len() - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_run_that_somebody_cancels_stays_cancelled() {
    let bench = Bench::new(10, LEASE_MS).await;
    bench.plan(funnel());
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    for _ in 0..3 {
        let task = worker.task().await;
        worker.complete(&task);
    }
    let late = worker.task().await;
    assert_eq!(bench.ask::<i64>(KEEPERS).await, 1);
    let cancel = bench.request(pb::CancelRunRequest { run_id: run.clone() });
    bench.runs().cancel_run(cancel).await.unwrap();
    assert_eq!(bench.ask::<i64>(KEEPERS).await, 0);
    worker.complete(&late);
    while !worker.recorded().await.iter().any(|task| *task == *late.task.as_ref().unwrap()) {}
    let expected = BTreeMap::from([("TASK_STATUS_CANCELLED", MANY as usize - 2), ("TASK_STATUS_COMPLETED", 3)]);
    assert_eq!(counts(&bench, &run).await, expected);
    assert_eq!(bench.run(&run).await.rows_processed, 30);
}
