//! Workers that fall silent, come back, or repeat themselves.

use trinity_proto::orchestration as pb;

use crate::bench::Bench;
use crate::peers::task;

/// Long enough for whatever a busy machine does meanwhile; tests end leases themselves.
const LEASE_MS: u32 = 60_000;
const END_LEASES: &str = "UPDATE orchestration.queue SET lease_until = now() - interval '1 second' WHERE worker_id IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_workers_task_goes_to_another_and_its_late_result_changes_nothing() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let mut silent = bench.worker(1).await;
    let run = bench.execute().await;
    let first = silent.task().await;
    silent.offer(0);
    let mut other = bench.worker(1).await;
    bench.sql(END_LEASES).await;
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
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let mine = worker.task().await;
    let mut stranger = mine.clone();
    stranger.task.as_mut().unwrap().attempt = 7;
    for _ in 0..3 {
        bench.sql("UPDATE orchestration.queue SET lease_until = now() + interval '5 seconds'").await;
        worker.beat(&[&mine, &stranger]);
        assert_eq!(worker.cancelled().await.attempt, 7);
        let renewed = "SELECT lease_until > now() + interval '10 seconds' FROM orchestration.queue";
        assert!(bench.ask::<bool>(renewed).await, "the heartbeat lengthens the lease");
    }
    let kept = bench.tasks(&run).await[0].clone();
    assert_eq!((kept.status(), kept.attempt), (pb::TaskStatus::Running, 1));
    worker.complete(&mine);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lives_and_never_comes_to_an_end_is_given_up() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut once = task("a", &[]);
    once.max_attempts = 1;
    bench.plan(vec![once]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let mine = worker.task().await;
    bench.sql("UPDATE orchestration.queue SET give_up_at = now() - interval '1 second'").await;
    let ended = bench.ended(&run, pb::RunStatus::Failed).await;
    assert_eq!(ended.error.unwrap().code, "TASK_TIMEOUT");
    worker.beat(&[&mine]);
    assert_eq!(Some(worker.cancelled().await), mine.task, "it is told to stop");
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
