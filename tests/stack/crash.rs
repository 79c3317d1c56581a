//! Processes killed in mid-run, and Redis emptied: no run is lost, and each task's result is recorded once.

use std::time::Duration;

use redis::AsyncCommands;
use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation};

const DEADLINE: Duration = Duration::from_secs(30);

/// Two chains of slow steps, and a step that waits for both.
fn slow_canvas() -> Value {
    let chain = |id: &str| {
        let atoms: Vec<Value> =
            (0..6).map(|n| json!({"id": format!("s{n}"), "atom": "wait", "config": {"milliseconds": 400}})).collect();
        json!({"id": id, "type": "Utility", "atoms": atoms})
    };
    json!({
        "molecules": [chain("left"), chain("right"), {"id": "end", "type": "Utility", "atoms": [{"id": "last", "atom": "noop", "config": {}}]}],
        "connections": [
            {"from": "left", "to": "end", "type": "data_flow"},
            {"from": "right", "to": "end", "type": "data_flow"},
        ],
    })
}

struct Bench {
    installation: Installation,
    api: Api,
    run: String,
}

/// Starts the slow run and waits until it is well under way.
async fn under_way() -> Bench {
    let installation = Installation::start().await;
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Nightly").await;
    let workflow = api.save(&project, "Slow", slow_canvas()).await;
    let run = api.execute(&workflow).await;
    let bench = Bench { installation, api, run };
    trinity_testkit::eventually(DEADLINE, "the run to be under way", || async {
        let tasks = bench.api.tasks(&bench.run).await;
        let has = |status: &str| tasks.iter().any(|task| task["status"] == status);
        (has("completed") && has("running")).then_some(())
    })
    .await;
    bench
}

impl Bench {
    /// The run succeeds, every task is completed, and the books agree.
    async fn completes(&mut self) -> Vec<Value> {
        let ended = self.api.ended(&self.run).await;
        assert_eq!(ended["status"], "succeeded", "{ended}");
        let tasks = self.api.tasks(&self.run).await;
        assert_eq!(tasks.len(), 13);
        assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:?}");
        assert_eq!(ended["result"], json!({"tasks": {"completed": 13}}));
        let mut admin = self.installation.db.admin().await;
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM orchestration.queue").fetch_one(&mut admin).await.unwrap();
        assert_eq!(left, 0, "no lease and no slot is left behind");
        let finished: i64 = trinity_testkit::eventually(DEADLINE, "the audit trail", || async {
            let answer = self.api.get(&format!("/audit/events?object_id={}&action=run.succeed", self.run)).await;
            let count = answer.body["data"].as_array().map_or(0, Vec::len);
            (count > 0).then_some(i64::try_from(count).unwrap())
        })
        .await;
        assert_eq!(finished, 1, "the end is told once");
        tasks
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_tasks_go_to_the_next() {
    let mut bench = under_way().await;
    bench.installation.process("worker").kill();
    bench.installation.process("worker").start();
    let tasks = bench.completes().await;
    assert!(tasks.iter().any(|task| task["attempt"].as_u64().unwrap() > 1), "what ran was tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_orchestration_goes_on_where_it_was() {
    let mut bench = under_way().await;
    bench.installation.process("orchestration").kill();
    bench.installation.process("orchestration").start();
    let tasks = bench.completes().await;
    assert!(tasks.iter().all(|task| task["attempt"] == 1), "the worker kept its tasks and results: {tasks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_loses_nothing() {
    let mut bench = under_way().await;
    let client = redis::Client::open(bench.installation.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    connection.flushall::<()>().await.unwrap();
    let tasks = bench.completes().await;
    assert!(tasks.iter().all(|task| task["attempt"] == 1));
}
