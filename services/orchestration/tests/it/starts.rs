//! Runs that nobody waits for at the door: rows of `starts` become runs, in their time and once.

use trinity_access::{Limits, Standing};
use trinity_ids::{RunId, UserId, WorkflowId};
use trinity_proto::orchestration as pb;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE, Worker, request_with};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;

/// Writes a start as a schedule would; `more` are further columns with their values.
async fn start(bench: &Bench, workflow: &str, more: &[(&str, &str)]) -> String {
    let (id, schedule) = (RunId::new().to_string(), RunId::new());
    let columns: String = more.iter().map(|(column, _)| format!(", {column}")).collect();
    let values: String = more.iter().map(|(_, value)| format!(", {value}")).collect();
    let (tenant, project, user) = (bench.tenant, bench.peers.project, UserId::new());
    bench
        .sql_text(format!(
            "INSERT INTO orchestration.starts (
                tenant_id, id, workflow_id, project_id, context, trigger, created_by, schedule_id{columns}
            )
            VALUES (
                '{tenant}', '{id}', '{workflow}', '{project}', '{{\"a\":1}}', 'scheduled', '{user}', '{schedule}'{values}
            )"
        ))
        .await;
    id
}

/// Waits until the start has been kept back for this reason.
async fn waits_for(bench: &Bench, reason: &str) {
    let look = || async {
        let waiting = bench.ask::<Option<String>>("SELECT max(waiting_for) FROM orchestration.starts").await;
        (waiting.as_deref() == Some(reason)).then_some(())
    };
    eventually(DEADLINE, "the start to wait", look).await;
}

async fn complete(bench: &Bench, worker: &mut Worker, run: &str) {
    let next = worker.task().await;
    assert_eq!(next.run_id, run);
    worker.complete(&next);
    bench.ended(run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_becomes_the_run_of_its_id() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let id = start(&bench, &workflow, &[("priority", "7")]).await;
    let next = worker.task().await;
    assert_eq!((next.run_id.as_str(), next.context.as_ref().unwrap().text.as_str()), (id.as_str(), r#"{"a":1}"#));
    let run = bench.run(&id).await;
    assert_eq!((run.trigger(), run.priority), (pb::RunTrigger::Scheduled, 7));
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.starts").await, 0);
    let message = pb::ListRunsRequest { schedule_id: run.schedule_id.unwrap(), ..Default::default() };
    assert_eq!(bench.runs().list_runs(bench.request(message)).await.unwrap().into_inner().runs[0].id, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_its_time_and_for_the_run_before_it() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(vec![task("a", &[])]);
    let mut worker = bench.worker(5).await;
    let later = start(&bench, &workflow, &[("not_before", "now() + interval '1 hour'")]).await;
    let first = start(&bench, &workflow, &[]).await;
    let second = start(&bench, &workflow, &[("after_run", &format!("'{first}'"))]).await;
    let third = start(&bench, &workflow, &[("after_run", &format!("'{second}'"))]).await;
    for run in [&first, &second, &third] {
        complete(&bench, &mut worker, run).await;
    }
    bench.sql("UPDATE orchestration.starts SET not_before = now()").await;
    complete(&bench, &mut worker, &later).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_beyond_what_the_tenant_may_waits() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(vec![task("a", &[])]);
    bench.limit(Limits { concurrent_runs: Some(1), ..Limits::default() });
    let mut worker = bench.worker(5).await;
    bench.plan(vec![task("a", &[])]);
    let first = bench.execute().await;
    let running = worker.task().await;
    let second = start(&bench, &workflow, &[]).await;
    waits_for(&bench, "RUN_LIMIT_REACHED").await;
    worker.complete(&running);
    bench.ended(&first, pb::RunStatus::Succeeded).await;
    complete(&bench, &mut worker, &second).await;

    bench.stand(Standing { suspended: true, ..Standing::unlimited() });
    let noted = || async { bench.find_run(&second).await.is_none().then_some(()) };
    eventually(DEADLINE, "the suspension", noted).await;
    let third = start(&bench, &workflow, &[]).await;
    waits_for(&bench, "TENANT_SUSPENDED").await;
    bench.stand(Standing::unlimited());
    complete(&bench, &mut worker, &third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_of_what_is_not_there_leaves_a_failed_run() {
    let bench = Bench::new(5, LEASE_MS).await;
    let missing = WorkflowId::new().to_string();
    bench.peers.missing.lock().unwrap().insert(missing.clone());
    let id = start(&bench, &missing, &[]).await;
    let look = || async { bench.find_run(&id).await.filter(|run| run.completed_at.is_some()) };
    let run = eventually(DEADLINE, "the run", look).await;
    assert_eq!((run.status(), run.error.unwrap().code.as_str()), (pb::RunStatus::Failed, "WORKFLOW_NOT_FOUND"));
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.starts").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_somebody_claimed_and_lost_is_made_by_another() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(vec![task("a", &[])]);
    let mut worker = bench.worker(1).await;
    let id = start(&bench, &workflow, &[("claimed_until", "now() + interval '1 hour'"), ("tries", "1")]).await;
    let other = start(&bench, &workflow, &[]).await;
    complete(&bench, &mut worker, &other).await;
    bench.sql("UPDATE orchestration.starts SET claimed_until = now() - interval '1 second'").await;
    complete(&bench, &mut worker, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_shown_and_cancelled_as_the_run_that_it_will_be() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = bench.workflow(vec![task("a", &[])]);
    let id = start(&bench, &workflow, &[("not_before", "now() + interval '1 hour'")]).await;
    let shown = bench.run(&id).await;
    assert_eq!((shown.status(), shown.workflow_id.as_str()), (pb::RunStatus::Pending, workflow.as_str()));
    let outsider = bench.person(UserId::new(), "member", &[]);
    let hidden = bench.runs().get_run(request_with(&outsider, pb::GetRunRequest { run_id: id.clone() })).await;
    assert_eq!(hidden.unwrap_err().code(), tonic::Code::NotFound);
    let message = pb::CancelRunRequest { run_id: id.clone() };
    let cancelled = bench.runs().cancel_run(bench.request(message)).await.unwrap().into_inner().run.unwrap();
    assert_eq!(cancelled.status(), pb::RunStatus::Cancelled);
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.starts").await, 0);
    assert_eq!(bench.run(&id).await.status(), pb::RunStatus::Cancelled);
}
