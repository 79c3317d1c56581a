//! Workers that fall silent, come back, or repeat themselves.

use std::time::{Duration, Instant};

use trinity_proto::orchestration as pb;

use crate::bench::Bench;
use crate::peers::task;

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_workers_task_goes_to_another_and_its_late_result_changes_nothing() {
    let bench = Bench::new(5, 500).await;
    bench.plan(vec![task("a", &[])]);
    let mut silent = bench.worker(1).await;
    let run = bench.execute().await;
    let first = silent.task().await;

    trinity_testkit::eventually(Duration::from_secs(20), "the end of the lease", || async {
        (bench.tasks(&run).await[0].status() == pb::TaskStatus::Queued).then_some(())
    })
    .await;
    let mut other = bench.worker(1).await;
    let second = other.task().await;
    assert_eq!(second.task.as_ref().unwrap().task_id, first.task.as_ref().unwrap().task_id);
    assert_eq!(second.task.as_ref().unwrap().attempt, 2);
    silent.complete(&first);
    assert_eq!(silent.recorded().await[0].attempt, 1);
    assert_eq!(bench.tasks(&run).await[0].status(), pb::TaskStatus::Running);
    other.complete(&second);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!(bench.run(&run).await.rows_processed, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_keep_a_lease_and_an_unknown_task_is_called_back() {
    let bench = Bench::new(5, 1_000).await;
    bench.plan(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let mine = worker.task().await;
    let started = Instant::now();
    let mut stranger = mine.clone();
    stranger.task.as_mut().unwrap().attempt = 7;
    while started.elapsed() < Duration::from_millis(2_500) {
        worker.beat(&[&mine, &stranger]);
        assert_eq!(worker.cancelled().await.attempt, 7);
    }
    let kept = bench.tasks(&run).await[0].clone();
    assert_eq!((kept.status(), kept.attempt), (pb::TaskStatus::Running, 1));
    worker.complete(&mine);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_comes_twice_is_recorded_once() {
    let bench = Bench::new(5, 60_000).await;
    bench.plan(vec![task("a", &[]), task("b", &[0])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let first = worker.task().await;
    worker.complete(&first);
    worker.recorded().await;
    let mut again = bench.worker_again(worker.id, 1).await;
    again.complete(&first);
    again.recorded().await;
    assert_eq!(bench.run(&run).await.rows_processed, 10);
}
