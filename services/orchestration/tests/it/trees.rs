//! Runs below runs: sub-workflows, fan-outs, jobs, and what goes up and down between them.

use std::time::{Duration, Instant};

use trinity_access::Limits;
use trinity_ids::{JobId, WorkflowId};
use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::connect_request::Kind as Up;
use trinity_proto::workflow::PlanTask;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE};
use crate::peers::{door, plan, sub_workflow, task};

const LEASE_MS: u32 = 60_000;
/// A second on a machine that is not busy; it takes some milliseconds.
const SOON: Duration = Duration::from_secs(5);

fn table(name: &str, key: &str, rows: u64) -> pb::OutputFile {
    pb::OutputFile {
        name: name.to_owned(),
        storage_key: key.to_owned(),
        rows,
        size_bytes: 100,
        content_hash: "ab".to_owned(),
        ..pb::OutputFile::default()
    }
}

async fn cancel(bench: &Bench, run: &str) {
    let message = pb::CancelRunRequest { run_id: run.to_owned() };
    bench.runs().cancel_run(bench.request(message)).await.unwrap();
}

/// Waits until a run has so many children.
async fn has_children(bench: &Bench, run: &str, count: usize) -> Vec<pb::Run> {
    let look = || async {
        let children = bench.children(run).await;
        (children.len() == count).then_some(children)
    };
    eventually(DEADLINE, "the children", look).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sub_workflow_gets_its_parents_table_and_hands_its_own_back() {
    let bench = Bench::new(5, LEASE_MS).await;
    let inner = bench.workflow(vec![door("input", &[]), task("work", &[0]), door("output", &[1])]);
    let outer = bench.workflow(vec![
        task("read", &[]),
        sub_workflow("sub", &[0], &inner, r#", "context": {"b": 2, "c": 3}"#),
        task("after", &[1]),
    ]);
    let run = bench.execute_with(&outer, r#"{"a":1,"b":1}"#).await;
    let mut worker = bench.worker(2).await;
    let read = worker.task().await;
    worker.complete_with(&read, vec![table("data", "read.parquet", 7)]);
    let work = worker.task().await;
    assert_eq!((work.place.as_str(), work.inputs[0].storage_key.as_str()), ("work", "read.parquet"));
    assert_eq!(work.context.clone().unwrap().text, r#"{"a":1,"b":2,"c":3}"#);
    let sub = bench.tasks(&run).await[1].clone();
    assert_eq!(sub.status(), pb::TaskStatus::Running);
    let children = sub.children.unwrap();
    assert_eq!((children.total, children.running), (1, 1));
    worker.complete_with(&work, vec![table("data", "work.parquet", 5)]);
    let after = worker.task().await;
    assert_eq!((after.place.as_str(), after.inputs[0].storage_key.as_str()), ("after", "work.parquet"));
    worker.complete(&after);
    bench.ended(&run, pb::RunStatus::Succeeded).await;

    let child = bench.children(&run).await.pop().unwrap();
    assert_eq!((child.status(), child.trigger()), (pb::RunStatus::Succeeded, pb::RunTrigger::Parent));
    assert_eq!((child.workflow_id.as_str(), child.parent_task_id.as_deref()), (inner.as_str(), Some(sub.id.as_str())));
    let tasks = bench.tasks(&run).await;
    let made = &bench.tasks(&child.id).await[1].outputs[0];
    assert_eq!(tasks[1].outputs[0].dataset_id, made.dataset_id, "what it hands back is the child's");
    assert_eq!(tasks[1].children.unwrap().succeeded, 1);
    assert!(tasks.iter().all(|task| task.status() == pb::TaskStatus::Completed && task.attempt == 1));
    assert_eq!(bench.run(&run).await.rows_processed, 30, "10 of each task, those of the child once");
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.returns").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_ready_and_is_cancelled_at_once_leaves_the_queue() {
    let bench = Bench::new(5, LEASE_MS).await;
    let inner = bench.workflow(vec![task("first", &[]), task("second", &[0])]);
    let outer = bench.workflow(vec![sub_workflow("sub", &[], &inner, "")]);
    let other = bench.workflow(vec![task("other", &[])]);
    let mut worker = bench.worker(2).await;
    let run = bench.execute_with(&outer, "{}").await;
    let first = worker.task().await;
    let blocked = bench.execute_with(&other, "{}").await;
    let held_up = worker.task().await;

    // The engine waits for another run, so that what comes meanwhile is handled together.
    let mut admin = bench.db.admin().await;
    let lock = format!("BEGIN; SELECT FROM orchestration.runs WHERE id = '{blocked}' FOR UPDATE");
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut admin).await.unwrap();
    worker.complete(&held_up);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(DEADLINE, "the engine to wait", || async { (bench.ask::<i64>(waits).await > 0).then_some(()) }).await;
    worker.complete(&first);
    cancel(&bench, &run).await;
    sqlx::raw_sql("COMMIT").execute(&mut admin).await.unwrap();

    bench.ended(&run, pb::RunStatus::Cancelled).await;
    let child = bench.children(&run).await.pop().unwrap();
    bench.ended(&child.id, pb::RunStatus::Cancelled).await;
    let second = &bench.tasks(&child.id).await[1];
    assert_eq!((second.status(), second.attempt), (pb::TaskStatus::Cancelled, 0));
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.queue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_never_goes_wider_than_it_may_and_joins_in_order() {
    let bench = Bench::new(50, LEASE_MS).await;
    let inner = bench.workflow(vec![task("work", &[]), door("output", &[0])]);
    let join = PlanTask { atom: "union".to_owned(), ..task("each.join", &[0]) };
    let outer = bench.workflow(vec![
        sub_workflow("each", &[], &inner, r#", "for_each": {"expression": "context.items"}, "width": 2"#),
        join,
    ]);
    let run = bench.execute_with(&outer, r#"{"items":["a","b","c","d","e"]}"#).await;
    let mut worker = bench.worker(10).await;
    let mut running = vec![worker.task().await, worker.task().await];
    let mut seen = Vec::new();
    while let Some(next) = running.pop() {
        let children = bench.tasks(&run).await[0].children.unwrap();
        assert!(children.total == 5 && children.running <= 2, "{children:?}");
        let context: serde_json::Value = serde_json::from_str(&next.context.as_ref().unwrap().text).unwrap();
        let item = context["item"].as_str().unwrap().to_owned();
        worker.complete_with(&next, vec![table("data", &item, 1)]);
        seen.push(item);
        if seen.len() < 4 {
            running.push(worker.task().await);
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let joined = worker.task().await;
    let keys: Vec<_> = joined.inputs.iter().map(|input| input.storage_key.as_str()).collect();
    assert_eq!((joined.place.as_str(), keys), ("each.join", vec!["a", "b", "c", "d", "e"]));
    worker.complete(&joined);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    let items: Vec<_> = bench.children(&run).await.iter().map(|child| child.item).collect();
    assert_eq!(items.len(), 5);
    assert_eq!(bench.tasks(&run).await[0].result.clone().unwrap().text, r#"{"runs":5}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_over_nothing_or_without_tables_goes_on() {
    let bench = Bench::new(5, LEASE_MS).await;
    let inner = bench.workflow(vec![task("work", &[])]);
    let join = PlanTask { atom: "union".to_owned(), ..task("each.join", &[0]) };
    let each = |items: &str| {
        let rest = format!(r#", "for_each": {{"items": {items}}}"#);
        bench.workflow(vec![sub_workflow("each", &[], &inner, &rest), join.clone(), task("after", &[1])])
    };
    let mut worker = bench.worker(2).await;
    for (items, count) in [("[]", 0), ("[1, 2]", 2)] {
        let run = bench.execute_with(&each(items), "{}").await;
        for _ in 0..count {
            let work = worker.task().await;
            assert_eq!(work.place, "work");
            worker.complete(&work);
        }
        let after = worker.task().await;
        assert_eq!((after.place.as_str(), after.inputs.len()), ("after", 0));
        worker.complete(&after);
        bench.ended(&run, pb::RunStatus::Succeeded).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_out_over_partitions_gives_each_child_its_part() {
    let bench = Bench::new(5, LEASE_MS).await;
    let inner = bench.workflow(vec![door("input", &[]), task("work", &[0])]);
    let part = PlanTask { atom: "partition".to_owned(), ..task("part", &[]) };
    let outer = bench.workflow(vec![part, sub_workflow("each", &[0], &inner, r#", "for_each": {"partitions": true}"#)]);
    let run = bench.execute_with(&outer, "{}").await;
    let mut worker = bench.worker(2).await;
    let parted = worker.task().await;
    let result = r#"{"partitions": [{"value": "rain", "output": "part_0"}, {"value": null, "output": "part_1"}]}"#;
    worker.say(Up::Completed(pb::TaskCompleted {
        task: parted.task.clone(),
        outputs: vec![table("part_0", "zero", 3), table("part_1", "one", 2)],
        result: Some(Json::new(result)),
        ..pb::TaskCompleted::default()
    }));
    let mut given = Vec::new();
    for _ in 0..2 {
        let work = worker.task().await;
        given.push((work.context.clone().unwrap().text, work.inputs[0].storage_key.clone()));
        worker.complete(&work);
    }
    given.sort_unstable();
    let expected = [(r#"{"item":"rain","index":0}"#, "zero"), (r#"{"item":null,"index":1}"#, "one")];
    let mut expected = expected.map(|(context, key)| (context.to_owned(), key.to_owned()));
    expected.sort_unstable();
    assert_eq!(given, expected);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_fails_fails_its_parents_task_and_starts_no_further_items() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut failing = task("work", &[]);
    failing.max_attempts = 1;
    let inner = bench.workflow(vec![failing]);
    let rest = r#", "for_each": {"items": [1, 2, 3, 4]}, "width": 2"#;
    let outer = bench.workflow(vec![sub_workflow("each", &[], &inner, rest), task("after", &[0])]);
    let run = bench.execute_with(&outer, "{}").await;
    let mut worker = bench.worker(4).await;
    let (first, second) = (worker.task().await, worker.task().await);
    worker.fail(&first, false);
    let failed = first.run_id.clone();
    bench.ended(&failed, pb::RunStatus::Failed).await;
    let heard = || async {
        let children = bench.tasks(&run).await[0].children.unwrap();
        (children.waiting == 0).then_some(children)
    };
    let children = eventually(DEADLINE, "the parent to hear of it", heard).await;
    assert_eq!((children.running, children.failed), (1, 1), "what goes on may end");
    assert_eq!(bench.run(&run).await.completed_at, None);
    worker.complete(&second);
    let error = bench.ended(&run, pb::RunStatus::Failed).await.error.unwrap();
    assert_eq!((error.task.as_str(), error.code.as_str()), ("each", "CHILD_RUN_FAILED"));
    for part in [failed.as_str(), "in work", "BAD it is bad"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
    assert_eq!(bench.children(&run).await.len(), 2);
    assert_eq!(bench.tasks(&run).await[1].status(), pb::TaskStatus::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_cannot_start_leaves_a_failed_run_that_says_why() {
    let bench = Bench::new(5, LEASE_MS).await;
    let missing = WorkflowId::new().to_string();
    bench.peers.missing.lock().unwrap().insert(missing.clone());
    let outer = bench.workflow(vec![sub_workflow("sub", &[], &missing, "")]);
    let run = bench.execute_with(&outer, "{}").await;
    let error = bench.ended(&run, pb::RunStatus::Failed).await.error.unwrap();
    assert!(error.message.contains("WORKFLOW_NOT_FOUND"), "{}", error.message);
    let child = bench.children(&run).await.pop().unwrap();
    assert_eq!(child.error.unwrap().code, "WORKFLOW_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_that_calls_itself_ends_at_the_greatest_depth() {
    let bench = Bench::new(5, LEASE_MS).await;
    let id = WorkflowId::new().to_string();
    bench.plan_of(&id, plan(vec![sub_workflow("again", &[], &id, "")]));
    let run = bench.execute_with(&id, "{}").await;
    bench.ended(&run, pb::RunStatus::Failed).await;
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.runs").await, 9);
    let deepest = "SELECT error_code FROM orchestration.runs ORDER BY depth DESC LIMIT 1";
    assert_eq!(bench.ask::<String>(deepest).await, "RUN_TREE_TOO_DEEP");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancel_reaches_the_running_atoms_of_grandchildren_at_once() {
    let bench = Bench::new(5, LEASE_MS).await;
    let innermost = bench.workflow(vec![task("work", &[])]);
    let rest = r#", "for_each": {"items": [1, 2, 3]}, "width": 1"#;
    let inner = bench.workflow(vec![sub_workflow("each", &[], &innermost, rest)]);
    let outer = bench.workflow(vec![sub_workflow("sub", &[], &inner, ""), task("after", &[0])]);
    let run = bench.execute_with(&outer, "{}").await;
    let mut worker = bench.worker(2).await;
    let running = worker.task().await;
    let asked = Instant::now();
    cancel(&bench, &run).await;
    assert_eq!(Some(worker.cancelled().await), running.task);
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    bench.ended(&running.run_id, pb::RunStatus::Cancelled).await;
    let live = "SELECT count(*) FROM orchestration.runs WHERE status <> 'cancelled'";
    assert_eq!(bench.ask::<i64>(live).await, 0);
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.runs").await, 3, "no further item started");
    let left = "SELECT (SELECT count(*) FROM orchestration.starts) + (SELECT count(*) FROM orchestration.queue)";
    assert_eq!(bench.ask::<i64>(left).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_holds_the_whole_tree_until_it_is_resumed() {
    let bench = Bench::new(5, LEASE_MS).await;
    let inner = bench.workflow(vec![task("first", &[]), task("second", &[0])]);
    let rest = r#", "for_each": {"items": [1, 2]}, "width": 1"#;
    let outer = bench.workflow(vec![sub_workflow("each", &[], &inner, rest)]);
    let run = bench.execute_with(&outer, "{}").await;
    let mut worker = bench.worker(2).await;
    let first = worker.task().await;
    bench.runs().pause_run(bench.request(pb::PauseRunRequest { run_id: run.clone() })).await.unwrap();
    assert!(bench.run(&first.run_id).await.paused);
    worker.complete(&first);
    worker.recorded().await;
    let held = bench.tasks(&first.run_id).await[1].clone();
    assert_eq!(held.waiting_reason(), pb::WaitingReason::Paused);
    // Another run's task comes, though it was ready later: nothing of the tree goes.
    bench.plan(vec![task("other", &[])]);
    bench.execute().await;
    let other = worker.task().await;
    assert_eq!(other.place, "other");
    worker.complete(&other);
    bench.runs().resume_run(bench.request(pb::ResumeRunRequest { run_id: run.clone() })).await.unwrap();
    for place in ["second", "first", "second"] {
        let next = worker.task().await;
        assert_eq!(next.place, place);
        worker.complete(&next);
    }
    bench.ended(&run, pb::RunStatus::Succeeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_its_workflows_by_dependency_as_one_tree() {
    let bench = Bench::new(5, LEASE_MS).await;
    let (extract, report) = (bench.workflow(vec![task("e", &[])]), bench.workflow(vec![task("r", &[])]));
    let job = JobId::new().to_string();
    bench.plan_of(
        &job,
        plan(vec![sub_workflow("extract", &[], &extract, ""), sub_workflow("report", &[0], &report, "")]),
    );
    // Runs below others do not count against the plan.
    bench.limit(Limits { concurrent_runs: Some(1), ..Limits::default() });
    let message =
        pb::ExecuteJobRequest { job_id: job.clone(), context: Some(Json::new(r#"{"day":"monday"}"#)), priority: 5 };
    let run = bench.runs().execute_job(bench.request(message)).await.unwrap().into_inner().run_id;
    let mut worker = bench.worker(4).await;
    for place in ["e", "r"] {
        let next = worker.task().await;
        assert_eq!((next.place.as_str(), next.context.as_ref().unwrap().text.as_str()), (place, r#"{"day":"monday"}"#));
        worker.complete(&next);
    }
    let ended = bench.ended(&run, pb::RunStatus::Succeeded).await;
    assert_eq!((ended.job_id.as_deref(), ended.workflow_id.as_str(), ended.priority), (Some(job.as_str()), "", 5));
    assert_eq!(ended.rows_processed, 20);
    let children = has_children(&bench, &run, 2).await;
    assert!(children.iter().all(|child| child.priority == 5 && child.status() == pb::RunStatus::Succeeded));
    let message = pb::ListRunsRequest { job_id: job, ..Default::default() };
    let listed = bench.runs().list_runs(bench.request(message)).await.unwrap().into_inner().runs;
    assert_eq!(listed.into_iter().map(|run| run.id).collect::<Vec<_>>(), [run]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_without_a_parent_fails_and_a_child_can_be_run_again_by_itself() {
    let bench = Bench::new(5, LEASE_MS).await;
    let inner = bench.workflow(vec![door("input", &[]), task("work", &[0])]);
    let alone = bench.execute_with(&inner, "{}").await;
    assert_eq!(bench.ended(&alone, pb::RunStatus::Failed).await.error.unwrap().code, "NO_INPUT");
    let outer = bench.workflow(vec![task("read", &[]), sub_workflow("sub", &[0], &inner, "")]);
    let run = bench.execute_with(&outer, "{}").await;
    let mut worker = bench.worker(1).await;
    let read = worker.task().await;
    worker.complete_with(&read, vec![table("data", "read.parquet", 7)]);
    let work = worker.task().await;
    worker.complete(&work);
    bench.ended(&run, pb::RunStatus::Succeeded).await;
    let message = pb::RerunRunRequest { run_id: work.run_id, from_failed: false };
    let again = bench.runs().rerun_run(bench.request(message)).await.unwrap().into_inner().run_id;
    let work = worker.task().await;
    assert_eq!((work.run_id.as_str(), work.inputs[0].storage_key.as_str()), (again.as_str(), "read.parquet"));
    assert_eq!(bench.run(&again).await.parent_run_id, None);
}
