//! What tenants used reaches the tenant service once, whatever is lost on the way.

use trinity_ids::TenantId;
use trinity_proto::orchestration as pb;
use trinity_proto::tenant::Metric;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;

/// Waits until nothing is left to tell but parts of a second; gives the runs and task-seconds that were told.
async fn told(bench: &Bench, tenant: TenantId) -> (u64, u64) {
    let idle = || async {
        let waiting: i64 =
            bench.ask("SELECT count(*) FROM orchestration.usage WHERE NOT rest OR batch_id IS NOT NULL").await;
        (waiting == 0).then_some(())
    };
    eventually(DEADLINE, "everything to be told", idle).await;
    let usage = bench.peers.usage.lock().unwrap();
    (usage.total(tenant, Metric::Runs), usage.total(tenant, Metric::TaskSeconds))
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_seconds_are_told_once_though_answers_get_lost() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    bench.peers.usage.lock().unwrap().answers_to_lose = 3;
    let mut worker = bench.worker(1).await;
    for started in [
        "UPDATE orchestration.queue SET started_at = now() - interval '90.4 seconds' WHERE worker_id IS NOT NULL",
        "UPDATE orchestration.queue SET started_at = now() - interval '0.7 seconds' WHERE worker_id IS NOT NULL",
    ] {
        let run = bench.execute().await;
        let running = worker.task().await;
        bench.sql(started).await;
        worker.complete(&running);
        bench.ended(&run, pb::RunStatus::Succeeded).await;
        told(&bench, bench.tenant).await;
    }
    // What is left of a second is not lost: 90.4 and 0.7 are 91.
    assert_eq!(told(&bench, bench.tenant).await, (2, 91));
    assert_eq!(told(&bench, TenantId::new()).await, (0, 0));
    assert_eq!(bench.peers.usage.lock().unwrap().answers_to_lose, 0);
    let today: String = bench.ask("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')").await;
    let usage = bench.peers.usage.lock().unwrap();
    assert!(usage.batches.values().flatten().all(|entry| entry.day <= today && entry.amount > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_fail_or_are_stopped_took_their_time_too() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), task("b", &[0])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let first = worker.task().await;
    bench
        .sql("UPDATE orchestration.queue SET started_at = now() - interval '5 seconds' WHERE worker_id IS NOT NULL")
        .await;
    worker.fail(&first, true);
    let again = worker.task().await;
    assert_eq!(again.task.as_ref().unwrap().attempt, 2);
    bench
        .sql("UPDATE orchestration.queue SET started_at = now() - interval '7 seconds' WHERE worker_id IS NOT NULL")
        .await;
    let cancel = bench.request(pb::CancelRunRequest { run_id: run.clone() });
    bench.runs().cancel_run(cancel).await.unwrap();
    // A result that comes too late counts for nothing.
    worker.complete(&again);
    worker.recorded().await;
    bench.ended(&run, pb::RunStatus::Cancelled).await;
    assert_eq!(told(&bench, bench.tenant).await, (1, 12));
}
