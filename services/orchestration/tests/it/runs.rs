//! Runs from start to end: order, retries, control, and what strangers see.

use trinity_ids::TenantId;
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::connect_request::Kind as Up;

use crate::bench::Bench;
use crate::peers::task;

const LEASE_MS: u32 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_diamond_runs_in_order_and_hands_its_tables_on() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), task("b", &[0]), task("c", &[0]), task("d", &[1, 2])]);
    let mut worker = bench.worker(4).await;
    let run = bench.execute().await;

    let first = worker.task().await;
    assert_eq!(first.place, "a");
    assert_eq!(
        first.output_prefix,
        format!(
            "tenant-{}/project-{}/pipelines/{}/runs/{run}/outputs/{}/1",
            bench.tenant,
            bench.peers.project,
            first.workflow_id,
            first.task.as_ref().unwrap().task_id
        )
    );
    let table = pb::OutputFile {
        name: "data".to_owned(),
        storage_key: format!("{}/data/data.parquet", first.output_prefix),
        rows: 5,
        size_bytes: 100,
        content_hash: "ab".to_owned(),
        ..pb::OutputFile::default()
    };
    worker.complete_with(&first, vec![table.clone()]);
    let (second, third) = (worker.task().await, worker.task().await);
    assert_eq!([second.place.as_str(), third.place.as_str()], ["b", "c"]);
    assert_eq!(second.inputs[0].storage_key, table.storage_key);
    worker.complete(&third);
    worker.complete(&second);
    let last = worker.task().await;
    assert_eq!(last.place, "d");
    worker.complete(&last);

    let ended = bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!(ended.rows_processed, 40);
    assert_eq!(ended.result.unwrap().text, r#"{"tasks":{"completed":4}}"#);
    let tasks = bench.tasks(&run).await;
    assert!(tasks.iter().all(|task| task.status() == pb::TaskStatus::Completed && task.attempt == 1));
    let registered = bench.peers.registered.lock().unwrap().clone();
    assert_eq!(registered.len(), 1);
    assert_eq!(tasks[0].outputs[0].dataset_id, registered[0].dataset_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_then_ends_the_run_and_lies_with_the_dead_letters() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut twice = task("a", &[]);
    twice.max_attempts = 2;
    bench.plan(vec![twice, task("b", &[0])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let attempt = worker.task().await;
    worker.say(Up::Log(pb::TaskLog {
        task: attempt.task.clone(),
        lines: vec![pb::TaskLogLine { at_ms: 1, level: "info".to_owned(), message: "trying".to_owned() }],
    }));
    worker.fail(&attempt, true);
    let attempt = worker.task().await;
    assert_eq!(attempt.task.as_ref().unwrap().attempt, 2);
    worker.fail(&attempt, true);

    let ended = bench.ended(&run, pb::RunStatus::Failed).await;
    let error = ended.error.unwrap();
    assert_eq!((error.task.as_str(), error.attempt, error.code.as_str()), ("a", 2, "BAD"));
    let tasks = bench.tasks(&run).await;
    assert_eq!([tasks[0].status(), tasks[1].status()], [pb::TaskStatus::Failed, pb::TaskStatus::Skipped]);
    let dead = bench.letters().list_dead_letters(bench.request(pb::ListDeadLettersRequest::default())).await.unwrap();
    assert_eq!(dead.into_inner().tasks[0].id, tasks[0].id);
    let message = pb::ListLogsRequest { run_id: run, ..pb::ListLogsRequest::default() };
    let logs = bench.runs().list_logs(bench.request(message)).await.unwrap().into_inner();
    assert_eq!(logs.lines[0].message, "trying");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_reaches_the_worker_and_ends_everything() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), task("b", &[0])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let running = worker.task().await;
    let message = pb::CancelRunRequest { run_id: run.clone() };
    let answer = bench.runs().cancel_run(bench.request(message.clone())).await.unwrap().into_inner().run.unwrap();
    assert_eq!(answer.status(), pb::RunStatus::Cancelled);
    assert_eq!(Some(worker.cancelled().await), running.task);
    worker.complete(&running);
    worker.recorded().await;
    assert!(bench.tasks(&run).await.iter().all(|task| task.status() == pb::TaskStatus::Cancelled));
    let again = bench.runs().cancel_run(bench.request(message)).await.unwrap_err();
    assert_eq!(again.code(), tonic::Code::FailedPrecondition);
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_holds_what_has_not_started_and_says_so() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[]), task("b", &[0])]);
    let mut worker = bench.worker(1).await;
    let run = bench.execute().await;
    let first = worker.task().await;
    bench.runs().pause_run(bench.request(pb::PauseRunRequest { run_id: run.clone() })).await.unwrap();
    worker.complete(&first);
    worker.recorded().await;
    let waiting = bench.tasks(&run).await[1].clone();
    assert_eq!(waiting.waiting_for.as_deref(), Some("the run to be resumed"));
    bench.runs().resume_run(bench.request(pb::ResumeRunRequest { run_id: run.clone() })).await.unwrap();
    let second = worker.task().await;
    worker.complete(&second);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_run_answers_as_one_that_is_not_there() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let run = bench.execute().await;
    let ask = |id: String| {
        let request = bench.request_of(TenantId::new(), pb::GetRunRequest { run_id: id });
        async { bench.runs().get_run(request).await.unwrap_err() }
    };
    let (foreign, random) = (ask(run.clone()).await, ask(trinity_ids::RunId::new().to_string()).await);
    assert_eq!(foreign.code(), tonic::Code::NotFound);
    assert_eq!((foreign.message(), foreign.details()), (random.message(), random.details()));
    let message = pb::CancelRunRequest { run_id: run };
    let cancel = bench.runs().cancel_run(bench.request_of(TenantId::new(), message)).await.unwrap_err();
    assert_eq!(cancel.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_page_by_page() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, bench.execute().await);
    }
    let list = |token: String| {
        let message = pb::ListRunsRequest { per_page: 2, page_token: token, ..pb::ListRunsRequest::default() };
        let request = bench.request(message);
        async { bench.runs().list_runs(request).await.unwrap().into_inner() }
    };
    let first = list(String::new()).await;
    let second = list(first.page.unwrap().next_page_token).await;
    let listed: Vec<String> = first.runs.into_iter().chain(second.runs).map(|run| run.id).collect();
    assert_eq!(listed, ids);
    assert_eq!(second.page.unwrap().next_page_token, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_would_refuse_stops_nobody() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let mut worker = bench.worker(2).await;
    let (zeros, rubbish) = (bench.execute().await, bench.execute().await);
    let (first, second) = (worker.task().await, worker.task().await);
    worker.say(Up::Log(pb::TaskLog {
        task: first.task.clone(),
        lines: vec![pb::TaskLogLine { at_ms: i64::MIN, level: "\0".to_owned(), message: "a\0b".to_owned() }],
    }));
    let failed = |message: &str| pb::TaskFailed {
        task: first.task.clone(),
        code: "\0".to_owned(),
        message: message.to_owned(),
        retryable: false,
    };
    worker.say(Up::Failed(failed("zero \0 byte")));
    let result = Some(trinity_proto::common::Json::new("{"));
    worker.say(Up::Completed(pb::TaskCompleted { task: second.task.clone(), result, ..pb::TaskCompleted::default() }));
    let ended = bench.ended(&zeros, pb::RunStatus::Failed).await;
    assert_eq!(ended.error.unwrap().message, "zero  byte");
    let ended = bench.ended(&rubbish, pb::RunStatus::Failed).await;
    assert_eq!(ended.error.unwrap().code, "RESULT_MALFORMED");
}
