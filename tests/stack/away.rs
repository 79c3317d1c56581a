//! Postgres or Redis away, at start and later; settings that are missing or unknown.

use std::time::Duration;

use serde_json::json;
use trinity_stack_tests::{Installation, Options, Proxy, add_first_staff, migrators};
use trinity_testkit::{TestDb, eventually};

const DEADLINE: Duration = Duration::from_secs(60);

/// Host and port of a Postgres URL.
fn address(url: &str) -> String {
    let (_, rest) = url.rsplit_once('@').unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_away_at_start_and_later_is_borne_without_a_restart() {
    let db = TestDb::with(&migrators()).await;
    add_first_staff(&db).await;
    let proxy = Proxy::start(address(&db.urls("registry").serve)).await;
    proxy.cut();
    let options = Options { postgres_through: Some(proxy.address.to_string()), ..Options::default() };
    let installation = Installation::spawn(db, &options);
    let readyz = format!("{}/readyz", installation.http());
    let not_ready = eventually(DEADLINE, "the gateway to say that it is not ready", || async {
        reqwest::get(&readyz).await.ok().map(|answer| answer.status().as_u16())
    })
    .await;
    assert_eq!(not_ready, 503);
    proxy.mend();
    installation.ready(DEADLINE).await;

    let (_, api) = installation.tenant("acme").await;
    let project = api.project("Steady").await;
    proxy.cut();
    let away = eventually(DEADLINE, "a 503", || async {
        let answer = api.get(&format!("/projects/{project}")).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!(away.error(503), "UNAVAILABLE");
    proxy.mend();
    eventually(DEADLINE, "the recovery", || async {
        (api.get(&format!("/projects/{project}")).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_runs_go_on() {
    let nowhere = vec![("TRINITY_REDIS_URL", "redis://127.0.0.1:1".to_owned())];
    let installation = Installation::start_with(Options { settings: nowhere, ..Options::default() }).await;
    let (_, api) = installation.tenant("acme").await;
    let project = api.project("No Redis").await;
    let canvas = json!({"molecules": [{"id": "m", "type": "Utility", "atoms": [
        {"id": "a", "atom": "noop", "config": {}}, {"id": "b", "atom": "noop", "config": {}}]}], "connections": []});
    let workflow = api.save(&project, "Plain", canvas).await;
    let run = api.execute(&workflow).await;
    assert_eq!(api.ended(&run).await["status"], "succeeded");
    assert!(installation.processes["registry"].log().contains("redis is away"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_or_unknown_setting_is_named_and_ends_the_process() {
    let unknown = vec![("TRINITY_REGISTRY_DATABSE_URL", "x".to_owned()), ("TRINITY_REDISURL", "y".to_owned())];
    let db = TestDb::with(&migrators()).await;
    let mut installation = Installation::spawn(db, &Options { settings: unknown, ..Options::default() });
    let registry = installation.process("registry");
    assert_eq!(registry.wait(), Some(1));
    assert!(registry.log().contains("TRINITY_REGISTRY_DATABSE_URL is unknown"), "{}", registry.log());
    let gateway = installation.process("gateway");
    assert_eq!(gateway.wait(), Some(1));
    assert!(gateway.log().contains("TRINITY_REDISURL is unknown"), "{}", gateway.log());
}
