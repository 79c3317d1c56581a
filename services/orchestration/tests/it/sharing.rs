//! How tenants share the workers: limits that hold, and nobody starved.

use std::time::{Duration, Instant};

use trinity_ids::TenantId;
use trinity_proto::orchestration as pb;

use crate::bench::Bench;
use crate::peers::task;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_never_has_more_tasks_running_than_its_limit() {
    let bench = Bench::new(3, 60_000).await;
    bench.plan((0..10).map(|n| task(&format!("t{n}"), &[])).collect());
    let mut worker = bench.worker(8).await;
    let run = bench.execute().await;
    let mut running = vec![worker.task().await, worker.task().await, worker.task().await];
    for _ in 0..7 {
        let statuses = bench.tasks(&run).await;
        assert_eq!(statuses.iter().filter(|task| task.status() == pb::TaskStatus::Running).count(), 3);
        let queued = statuses.iter().find(|task| task.status() == pb::TaskStatus::Queued).unwrap();
        assert_eq!(queued.waiting_for.as_deref(), Some("the tenant's limit of concurrent tasks"));
        worker.complete(&running.remove(0));
        running.push(worker.task().await);
    }
    for task in &running {
        worker.complete(task);
    }
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_task_of_a_tenant_is_not_delayed_by_thousands_of_another() {
    let bench = Bench::new(1_000, 60_000).await;
    let (crowd, guest) = (TenantId::new(), TenantId::new());
    bench.plan((0..1_000).map(|n| task(&format!("t{n}"), &[])).collect());
    for _ in 0..10 {
        bench.execute_for(crowd).await;
    }
    let mut worker = bench.worker(4).await;
    // The crowd has been served for a while before the guest comes.
    for _ in 0..100 {
        let next = worker.task().await;
        worker.complete(&next);
    }
    bench.plan(vec![task("only", &[])]);
    bench.execute_for(guest).await;
    let asked = Instant::now();
    let mut before = 0;
    loop {
        let next = worker.task().await;
        worker.complete(&next);
        if next.tenant_id == guest.to_string() {
            break;
        }
        before += 1;
    }
    assert!(before <= 40, "{before} tasks of the crowd went first");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
