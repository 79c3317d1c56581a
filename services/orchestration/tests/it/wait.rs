//! Callers who wait for the end of a run.

use trinity_access::Standing;
use trinity_proto::orchestration as pb;

use crate::bench::Bench;
use crate::peers::task;

const LEASE_MS: u32 = 60_000;
const LONGEST_MS: u32 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_gets_the_run_with_its_end() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), task("b", &[0])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let (ended, ()) = tokio::join!(bench.wait(&run, LONGEST_MS), async {
        for _ in 0..2 {
            let task = worker.task().await;
            worker.complete(&task);
        }
    });
    let ended = ended.unwrap();
    assert_eq!((ended.status(), &ended), (pb::RunStatus::Succeeded, &bench.run(&run).await));
    assert_eq!(bench.wait(&run, LONGEST_MS).await.unwrap(), ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_replica_ends_is_found_though_redis_is_away() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let task = worker.task().await;
    bench.move_to_replica().await;
    let (ended, ()) = tokio::join!(bench.wait(&run, LONGEST_MS), async { worker.complete(&task) });
    assert_eq!(ended.unwrap().status(), pb::RunStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_he_said_or_than_the_service_lives() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let run = bench.execute().await;
    let shown = bench.wait(&run, 50).await.unwrap();
    assert_eq!((shown.status(), shown.completed_at), (pb::RunStatus::Pending, None));

    let refused = bench.wait(&run, LONGEST_MS + 1).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    assert!(refused.message().contains("timeout_ms"), "{refused:?}");

    bench.stop();
    let shown = bench.wait(&run, LONGEST_MS).await.unwrap();
    assert_eq!(shown.status(), pb::RunStatus::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_his_right_while_he_waits_sees_nothing() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let run = bench.execute().await;
    // Why so long: a tenant's standing is remembered for a second.
    let (waited, ()) = tokio::join!(bench.wait(&run, 3_000), async {
        bench.run(&run).await;
        bench.stand(Standing { suspended: true, ..Standing::unlimited() });
    });
    let refused = waited.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused:?}");
}
