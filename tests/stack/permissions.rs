//! Rights that come and go, across separate processes: what is taken away stops within a second everywhere.

use std::time::{Duration, Instant};

use chrono::{SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};
use trinity_stack_tests::{Api, Installation, Options, PASSWORD};

/// How long anything may still work after it was taken away.
const STALE_FOR: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(10);

pub fn canvas() -> Value {
    let atoms = json!([{"id": "a", "atom": "noop", "config": {}}]);
    json!({"molecules": [{"id": "m", "type": "Utility", "atoms": atoms}], "connections": []})
}

/// A project with a workflow and a run, and the paths at which three services show it.
async fn shared(owner: &Api) -> (String, Vec<String>) {
    let project = owner.project("Shared").await;
    let workflow = owner.save(&project, "Some", canvas()).await;
    let run = owner.execute(&workflow).await;
    owner.ended(&run).await;
    let paths = vec![format!("/projects/{project}"), format!("/workflows/{workflow}"), format!("/runs/{run}")];
    (project, paths)
}

/// Waits until every path answers `status`.
pub async fn until(api: &Api, paths: &[String], status: u16) {
    for path in paths {
        trinity_testkit::eventually(DEADLINE, "the answer", || async {
            (api.get(path).await.status == status).then_some(())
        })
        .await;
    }
}

/// Asks for every path until all are refused; the last call that still worked must have begun within a second of `from`.
pub async fn stops(api: &Api, paths: &[String], from: Instant, refused: u16) {
    for path in paths {
        let mut last_good = None;
        loop {
            let asked = Instant::now();
            let answer = api.get(path).await;
            if answer.status == refused {
                break;
            }
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
            last_good = Some(asked);
            assert!(from.elapsed() < DEADLINE, "{path} still answers");
        }
        let stale = last_good.map_or(Duration::ZERO, |asked| asked.saturating_duration_since(from));
        assert!(stale <= STALE_FOR, "{path} still answered {stale:?} after the right was gone");
    }
}

async fn share(owner: &Api, project: &str, subject: Value, until: Option<String>) -> String {
    let mut grant = json!({"object_type": "project", "object_id": project, "subject": subject, "level": "view"});
    if let Some(until) = until {
        grant["expires_at"] = until.into();
    }
    owner.post("/grants", grant).await.data()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_away_stops_within_a_second_everywhere() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (user, member) = installation.named_person(&owner, "acme", "max", "member").await;
    let (project, paths) = shared(&owner).await;
    until(&member, &paths, 404).await;

    // A grant, revoked.
    let grant = share(&owner, &project, json!({"type": "user", "id": user}), None).await;
    until(&member, &paths, 200).await;
    owner.delete(&format!("/grants/{grant}")).await.data();
    stops(&member, &paths, Instant::now(), 404).await;

    // A grant to a group, the member removed.
    let group = owner.post("/groups", json!({"name": "Analysts"})).await.data()["id"].as_str().unwrap().to_owned();
    share(&owner, &project, json!({"type": "group", "id": group}), None).await;
    owner.put(&format!("/groups/{group}/members/{user}"), json!({})).await.data();
    until(&member, &paths, 200).await;
    owner.delete(&format!("/groups/{group}/members/{user}")).await.data();
    stops(&member, &paths, Instant::now(), 404).await;

    // A grant that expires by itself.
    let end = Utc::now() + TimeDelta::seconds(4);
    let text = end.to_rfc3339_opts(SecondsFormat::Micros, true);
    share(&owner, &project, json!({"type": "user", "id": user}), Some(text)).await;
    until(&member, &paths, 200).await;
    let left = (end - Utc::now()).to_std().unwrap_or_default();
    stops(&member, &paths, Instant::now() + left, 404).await;

    // A custom role bound to a project, then changed for all its holders.
    let role = json!({"name": "onlooker", "permissions": ["project.read", "workflow.read", "run.read"]});
    owner.post("/roles", role).await.data();
    let binding = json!({"role": "onlooker", "subject": {"type": "user", "id": user}, "project_id": project});
    owner.post("/role-bindings", binding).await.data();
    until(&member, &paths, 200).await;
    owner.patch("/roles/onlooker", json!({"permissions": ["dataset.read"]})).await.data();
    stops(&member, &paths, Instant::now(), 404).await;

    // The user made inactive.
    share(&owner, &project, json!({"type": "user", "id": user}), None).await;
    until(&member, &paths, 200).await;
    owner.patch(&format!("/users/{user}"), json!({"active": false})).await.data();
    stops(&member, &paths, Instant::now(), 401).await;
}

/// How long a schedule of every second may take until a run of it has ended, on a busy machine.
const FIRED_WITHIN: Duration = Duration::from_secs(40);

/// The first run of a schedule that ended so.
async fn fired(owner: &Api, schedule: &str, status: &str) -> Value {
    trinity_testkit::eventually(FIRED_WITHIN, "a run of the schedule", || async {
        for fire in owner.get(&format!("/schedules/{schedule}/fires")).await.data().as_array()? {
            let Some(run) = fire["run_id"].as_str() else { continue };
            let answer = owner.get(&format!("/runs/{run}")).await;
            if answer.data()["status"] == status {
                return Some(answer.data().clone());
            }
        }
        None
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_runs_as_long_as_its_maker_may() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (user, member) = installation.named_person(&owner, "acme", "max", "member").await;
    let project = owner.project("Shared").await;
    let workflow = owner.save(&project, "Some", canvas()).await;
    let grant = json!({"object_type": "workflow", "object_id": workflow, "subject": {"type": "user", "id": user}, "level": "edit"});
    owner.post("/grants", grant).await.data();
    until(&member, &[format!("/workflows/{workflow}")], 200).await;
    let schedule = json!({"name": "Often", "workflow_id": workflow, "cron": "* * * * * *"});
    let schedule = member.post("/schedules", schedule).await.data()["id"].as_str().unwrap().to_owned();
    fired(&owner, &schedule, "succeeded").await;
    owner.patch(&format!("/users/{user}"), json!({"active": false})).await.data();
    let failed = fired(&owner, &schedule, "failed").await;
    assert_eq!(failed["error"]["code"], "MAKER_MAY_NOT_RUN_IT");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_second_holds_too() {
    let nowhere = ("TRINITY_REDIS_URL", "redis://127.0.0.1:1".to_owned());
    let options = Options { settings: vec![nowhere], ..Options::default() };
    let installation = Installation::start_with(options).await;
    let (_, owner) = installation.tenant("acme").await;
    let (user, member) = installation.named_person(&owner, "acme", "max", "member").await;
    let (project, paths) = shared(&owner).await;
    let grant = share(&owner, &project, json!({"type": "user", "id": user}), None).await;
    until(&member, &paths, 200).await;
    owner.delete(&format!("/grants/{grant}")).await.data();
    stops(&member, &paths, Instant::now(), 404).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suspension_and_expiry_act_within_a_second_and_end_as_they_began() {
    let installation = Installation::start().await;
    let (tenant, owner) = installation.tenant("acme").await;
    let (_, paths) = shared(&owner).await;
    let staff = installation.staff().await;
    let suspend = format!("/platform/tenants/{tenant}/suspend");
    staff.post(&suspend, json!({"reason": "unpaid"})).await.data();
    stops(&owner, &paths, Instant::now(), 403).await;
    assert_eq!(owner.get(&paths[0]).await.error(403), "TENANT_SUSPENDED");
    let login = json!({"tenant": "acme", "email": "owner@acme.example", "password": PASSWORD});
    assert_eq!(installation.anonymous().post("/auth/login", login).await.error(403), "TENANT_SUSPENDED");
    staff.post(&format!("/platform/tenants/{tenant}/resume"), json!({})).await.data();
    until(&owner, &paths, 200).await;

    let subscription = format!("/platform/tenants/{tenant}/subscription");
    staff.put(&subscription, json!({"plan": "enterprise", "status": "expired"})).await.data();
    trinity_testkit::eventually(STALE_FOR * 2, "the end of writing", || async {
        let answer = owner.patch(&paths[0], json!({"description": "more"})).await;
        (answer.status == 403).then(|| assert_eq!(answer.error(403), "SUBSCRIPTION_EXPIRED"))
    })
    .await;
    until(&owner, &paths, 200).await;
    assert_eq!(owner.patch(&paths[0], json!({"name": "New"})).await.error(403), "SUBSCRIPTION_EXPIRED");
    let execute = format!("{}/execute", paths[1]);
    trinity_testkit::eventually(STALE_FOR * 2, "the end of running", || async {
        (owner.post(&execute, json!({})).await.status == 403).then_some(())
    })
    .await;
    staff.put(&subscription, json!({"plan": "enterprise"})).await.data();
    trinity_testkit::eventually(STALE_FOR * 2, "the way back", || async {
        (owner.patch(&paths[0], json!({"name": "New"})).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_enter_with_a_reason_read_only_and_the_tenant_sees_it() {
    let installation = Installation::start().await;
    let (tenant, owner) = installation.tenant("acme").await;
    let project = owner.project("Secret").await;
    let staff = installation.staff().await;
    assert_eq!(staff.get(&format!("/projects/{project}")).await.status, 403, "the realm alone opens nothing");
    let enter = format!("/platform/tenants/{tenant}/enter");
    assert_eq!(staff.post(&enter, json!({})).await.status, 400, "a reason is needed");
    let reason = "ticket 4711: the owner asked us to look";
    let entry = staff.post(&enter, json!({"reason": reason})).await;
    let inside = staff.with_token(entry.data()["access_token"].as_str().unwrap());
    inside.get(&format!("/projects/{project}")).await.data();
    assert_eq!(inside.patch(&format!("/projects/{project}"), json!({"name": "x"})).await.status, 403);
    assert_eq!(inside.post("/projects", json!({"name": "x", "app": "eda"})).await.status, 403);

    let trail = trinity_testkit::eventually(DEADLINE, "the trail", || async {
        let events = owner.get("/audit/events?per_page=200").await.data().as_array().unwrap().clone();
        let by_staff: Vec<Value> = events.into_iter().filter(|event| event["actor"]["type"] == "staff").collect();
        let has = |action: &str| by_staff.iter().any(|event| event["action"] == action);
        (has("staff.enter") && has("project.read") && has("project.update")).then_some(by_staff)
    })
    .await;
    let entered = trail.iter().find(|event| event["action"] == "staff.enter").unwrap();
    assert!(entered.to_string().contains(reason), "{entered}");
    assert_eq!(entered["actor"]["name"], "operator@trinity.example", "{entered}");
    let refused = trail.iter().find(|event| event["action"] == "project.update").unwrap();
    assert_eq!(refused["outcome"], "PERMISSION_DENIED", "{refused}");
    assert_eq!(owner.post("/audit/verify", json!({})).await.data()["valid"], true);
    assert_eq!(owner.get("/platform/tenants").await.status, 403, "an owner is no staff");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_belongs_to_its_tenant_and_its_query() {
    let installation = Installation::start().await;
    let (_, owner) = installation.tenant("acme").await;
    let (_, rival) = installation.tenant("rival").await;
    for api in [&owner, &rival] {
        for name in ["one", "two", "three"] {
            api.project(name).await;
        }
    }
    let first = owner.get("/projects?per_page=2").await;
    let token = first.body["meta"]["pagination"]["next_page_token"].as_str().unwrap().to_owned();
    assert!(!token.is_empty());
    let next = |query: &str| format!("/projects?per_page=2&page_token={token}{query}");
    assert_eq!(owner.get(&next("")).await.data().as_array().unwrap().len(), 1);
    assert_eq!(rival.get(&next("")).await.status, 400, "another tenant's token");
    assert_eq!(owner.get(&next("&deleted=true")).await.status, 400, "another query's token");
    assert_eq!(owner.get("/projects?per_page=2&page_token=AAAA").await.status, 400, "no token at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_uses_is_counted_by_day() {
    let settings = vec![
        ("TRINITY_GATEWAY_USAGE_INTERVAL_MS", "200".to_owned()),
        ("TRINITY_REGISTRY_METER_INTERVAL_MS", "200".to_owned()),
        ("TRINITY_ORCHESTRATION_USAGE_INTERVAL_MS", "200".to_owned()),
    ];
    let installation = Installation::start_with(Options { settings, ..Options::default() }).await;
    let (_, owner) = installation.tenant("acme").await;
    installation.person(&owner, "acme", "viewer").await;
    let (project, _) = shared(&owner).await;
    owner.upload(&project, "some.csv", b"a,b\n1,2\n".to_vec()).await;
    owner.put("/tenant/budgets/requests", json!({"monthly_amount": 1, "alert_percents": [100]})).await.data();
    trinity_testkit::eventually(DEADLINE, "every figure", || async {
        let days = owner.get("/tenant/usage").await.data().as_array().unwrap().clone();
        let today = days.last().unwrap().clone();
        let at_least = |metric: &str, least: u64| today[metric].as_u64().unwrap() >= least;
        let all =
            at_least("requests", 5) && at_least("runs", 1) && at_least("storage_bytes", 8) && at_least("seats", 2);
        let budget = owner.get("/tenant/budgets").await.data()[0].clone();
        (all && budget["alerted_percent"] == 100).then_some(())
    })
    .await;
}
