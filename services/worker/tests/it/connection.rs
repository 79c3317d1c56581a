//! The stream: who the worker says it is, what it keeps, and what it repeats.

use std::{collections::HashSet, time::Instant};

use serde_json::json;
use trinity_authz::ServiceKey;
use trinity_proto::orchestration::connect_request::Kind;

use crate::fake::{Bench, task};

#[tokio::test]
async fn the_worker_says_who_it_is_with_a_service_token() {
    let mut bench = Bench::start().await;
    let connection = bench.connection().await;
    assert_eq!(connection.hello.slots, 64);
    assert_eq!(connection.hello.labels, ["default"]);
    assert!(connection.hello.running.is_empty());
    uuid::Uuid::parse_str(&connection.hello.worker_id).unwrap();
    let key = ServiceKey::new("orchestration", &bench.shared.service_key).unwrap();
    let (name, _) = key.verify(connection.token.strip_prefix("Bearer ").unwrap()).unwrap();
    assert_eq!(name, "worker");
}

#[tokio::test]
async fn a_result_is_repeated_until_it_is_recorded() {
    let mut bench = Bench::start().await;
    let mut first = bench.welcomed().await;
    let noop = task("a", "noop", &json!({}));
    first.assign(vec![noop.clone()]);
    let completed = first.completed().await;
    assert_eq!(completed.task, noop.task, "the reference comes back just as it went");
    first.heartbeat(&[&noop]).await;
    let worker_id = first.hello.worker_id.clone();
    drop(first);

    let mut second = bench.connection().await;
    assert_eq!(second.hello.worker_id, worker_id);
    assert_eq!(second.hello.running, [noop.task.clone().unwrap()]);
    second.welcome();
    assert_eq!(second.completed().await, completed);
    second.record(&noop);
    second.heartbeat(&[]).await;
    drop(second);

    let third = bench.connection().await;
    assert!(third.hello.running.is_empty());
}

#[tokio::test]
async fn what_ends_without_a_connection_is_given_back_after_it() {
    let mut bench = Bench::start().await;
    let first = bench.welcomed().await;
    let wait = task("a", "wait", &json!({"milliseconds": 200}));
    first.assign(vec![wait.clone()]);
    drop(first);
    let mut second = bench.connection().await;
    second.welcome();
    assert_eq!(second.completed().await.task, wait.task);
}

#[tokio::test]
async fn a_repeated_assignment_is_not_run_twice() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let noop = task("a", "noop", &json!({}));
    connection.assign(vec![noop.clone(), noop.clone()]);
    let first = connection.completed().await;
    connection.assign(vec![noop.clone()]);
    assert_eq!(connection.completed().await, first);
    connection.record(&noop);
    connection.heartbeat(&[]).await;
}

#[tokio::test]
async fn a_newer_attempt_stops_the_older_one() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let older = task("a", "wait", &json!({"milliseconds": 3_600_000}));
    let mut newer = task("a", "noop", &json!({}));
    newer.task.as_mut().unwrap().attempt = 2;
    connection.assign(vec![older]);
    connection.assign(vec![newer]);
    let mut attempts = HashSet::new();
    while attempts.len() < 2 {
        attempts.insert(match connection.ending().await {
            Kind::Completed(completed) => completed.task.unwrap().attempt,
            Kind::Failed(failed) => {
                assert_eq!(failed.code, "CANCELLED");
                failed.task.unwrap().attempt
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(attempts, HashSet::from([1, 2]));
}

#[tokio::test]
async fn thousands_of_small_tasks_come_back_once_each() {
    for mut bench in [Bench::start().await, Bench::start_in_process()] {
        let mut connection = bench.welcomed().await;
        let tasks: Vec<_> = (0..3_000).map(|id| task(&id.to_string(), "noop", &json!({}))).collect();
        let started = Instant::now();
        tasks.chunks(64).for_each(|some| connection.assign(some.to_vec()));
        let mut seen = HashSet::new();
        while seen.len() < tasks.len() {
            assert!(seen.insert(connection.completed().await.task.unwrap().task_id), "a result came twice");
        }
        println!("{} tasks in {:?}", tasks.len(), started.elapsed());
    }
}

#[tokio::test]
async fn a_failing_atom_fails_until_the_attempt_it_names() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let mut fail = task("a", "fail", &json!({"message": "not yet", "until_attempt": 2}));
    connection.assign(vec![fail.clone()]);
    let failed = connection.failed().await;
    assert_eq!(
        (failed.code.as_str(), failed.message.as_str(), failed.retryable),
        ("FAILED_ON_PURPOSE", "not yet", true)
    );
    fail.task.as_mut().unwrap().attempt = 2;
    connection.assign(vec![fail]);
    connection.completed().await;
}

#[tokio::test]
async fn a_waiting_task_is_cancelled_and_timed_out() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let wait = task("a", "wait", &json!({"milliseconds": 3_600_000}));
    connection.assign(vec![wait.clone()]);
    connection.heartbeat(&[&wait]).await;
    connection.cancel(&wait);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("CANCELLED", false));
    let mut slow = task("b", "wait", &json!({"milliseconds": 3_600_000}));
    slow.timeout_ms = 50;
    connection.assign(vec![slow]);
    let failed = connection.failed().await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("TASK_TIMEOUT", true));
}

#[tokio::test]
async fn the_word_to_stop_lets_running_tasks_end_and_begins_no_new_one() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    let wait = task("a", "wait", &json!({"milliseconds": 300}));
    connection.assign(vec![wait.clone()]);
    connection.heartbeat(&[&wait]).await;
    bench.shutdown.cancel();
    connection.assign(vec![task("b", "noop", &json!({}))]);
    assert_eq!(connection.completed().await.task, wait.task);
    connection.record(&wait);
    bench.ended().await;
}

#[tokio::test]
async fn the_drain_is_not_for_ever() {
    let mut bench = Bench::start_with(|config| config.drain_ms = 100).await;
    let mut connection = bench.welcomed().await;
    let wait = task("a", "wait", &json!({"milliseconds": 3_600_000}));
    connection.assign(vec![wait.clone()]);
    connection.heartbeat(&[&wait]).await;
    bench.shutdown.cancel();
    bench.ended().await;
}
