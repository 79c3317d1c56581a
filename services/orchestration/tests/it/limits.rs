//! What a plan allows, and what happens when it changes.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tonic::Status;
use trinity_access::{Limits, Standing};
use trinity_error::{Code, Error};
use trinity_ids::{TenantId, WorkflowId};
use trinity_proto::orchestration as pb;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE, execution};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;
/// How soon a change must act; much longer than it takes at the worst (1.5 s), because the machine may be busy.
const SOON: Duration = Duration::from_secs(5);

async fn start(bench: &Bench) -> Result<String, Error> {
    let message = execution(&WorkflowId::new().to_string());
    let answer = bench.runs().execute_workflow(bench.request(message)).await?;
    Ok(answer.into_inner().run_id)
}

async fn cancel(bench: &Bench, run: &str) -> Result<(), Error> {
    let message = pb::CancelRunRequest { run_id: run.to_owned() };
    bench.runs().cancel_run(bench.request(message)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_concurrent_starts_at_a_limit_of_ten_ten_are_made() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    bench.limit(Limits { concurrent_runs: Some(10), ..Limits::default() });
    let (made, refused): (Vec<_>, Vec<_>) =
        join_all((0..50).map(|_| start(&bench))).await.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (10, 40));
    let told = Error::new(Code::ResourceExhausted, "RUN_LIMIT_REACHED", "the plan allows 10 runs at once");
    let told = Status::from(told.with_metadata("limit", "10"));
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::ResourceExhausted, "RUN_LIMIT_REACHED"));
        assert_eq!(Status::from(error).details(), told.details());
    }
    let runs: i64 = bench.ask("SELECT count(*) FROM orchestration.runs").await;
    assert_eq!(runs, 10, "what was refused leaves nothing");

    // A run that has ended makes room for one.
    let ended = made.into_iter().next().unwrap().unwrap();
    cancel(&bench, &ended).await.unwrap();
    let rerun = bench.request(pb::RerunRunRequest { run_id: ended, from_failed: false });
    bench.runs().rerun_run(rerun).await.unwrap();
    assert_eq!(start(&bench).await.unwrap_err().reason(), "RUN_LIMIT_REACHED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_acts_on_tasks_that_wait_already() {
    let bench = Bench::new(1, LEASE_MS).await;
    bench.plan((0..4).map(|n| task(&format!("t{n}"), &[])).collect());
    let mut worker = bench.worker(4).await;
    let run = bench.execute().await;
    let first = worker.task().await;
    let waiting = bench.tasks(&run).await[1].clone();
    assert_eq!(waiting.waiting_for.as_deref(), Some("the tenant's limit of concurrent tasks"));
    bench.limit(Limits { concurrent_tasks: Some(3), ..Limits::default() });
    let changed = Instant::now();
    let (second, third) = (worker.task().await, worker.task().await);
    assert!(changed.elapsed() < SOON, "{:?}", changed.elapsed());
    assert_eq!(bench.tasks(&run).await[3].status(), pb::TaskStatus::Queued);

    bench.limit(Limits { concurrent_tasks: Some(1), ..Limits::default() });
    let noted =
        || async { (bench.ask::<i32>("SELECT concurrency FROM orchestration.shares").await == 1).then_some(()) };
    eventually(DEADLINE, "the smaller share", noted).await;
    worker.complete(&first);
    worker.recorded().await;
    assert_eq!(bench.tasks(&run).await[3].status(), pb::TaskStatus::Queued);
    worker.complete(&second);
    worker.complete(&third);
    let fourth = worker.task().await;
    worker.complete(&fourth);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_tenants_tasks_wait_until_it_is_active_again() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), task("b", &[0])]);
    let mut worker = bench.worker(4).await;
    let run = bench.execute().await;
    let first = worker.task().await;
    bench.stand(Standing { suspended: true, ..Standing::unlimited() });
    let paused = || async { bench.ask::<bool>("SELECT paused FROM orchestration.shares").await.then_some(()) };
    eventually(SOON, "the suspension", paused).await;
    worker.complete(&first);
    worker.recorded().await;
    // Another tenant's task comes at once, though it was ready later.
    bench.plan(vec![task("only", &[])]);
    bench.execute_for(TenantId::new()).await;
    let others = worker.task().await;
    assert_eq!(others.place, "only");
    worker.complete(&others);
    let reason =
        Error::from(bench.runs().get_run(bench.request(pb::GetRunRequest { run_id: run.clone() })).await.unwrap_err());
    assert_eq!(reason.reason(), "TENANT_SUSPENDED");

    bench.stand(Standing::unlimited());
    let resumed = Instant::now();
    let second = worker.task().await;
    assert!(resumed.elapsed() < SOON, "{:?}", resumed.elapsed());
    assert_eq!((second.place.as_str(), second.run_id.as_str()), ("b", run.as_str()));
    worker.complete(&second);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_subscription_reads_and_starts_nothing_and_what_runs_goes_on() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let run = start(&bench).await.unwrap();
    let running = worker.task().await;
    bench.stand(Standing { writable: false, ..Standing::unlimited() });
    let refused = eventually(DEADLINE, "the end of the subscription", || async { start(&bench).await.err() }).await;
    assert_eq!((refused.code(), refused.reason()), (Code::PermissionDenied, "SUBSCRIPTION_EXPIRED"));
    let rerun = bench.request(pb::RerunRunRequest { run_id: run.clone(), from_failed: false });
    let rerun = Error::from(bench.runs().rerun_run(rerun).await.unwrap_err());
    for refused in [cancel(&bench, &run).await.unwrap_err(), rerun] {
        assert_eq!(refused.reason(), "SUBSCRIPTION_EXPIRED");
    }
    worker.complete(&running);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}
