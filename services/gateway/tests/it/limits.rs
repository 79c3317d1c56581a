//! How many requests are let through, by tenant over all instances and by address.

use std::time::{Duration, Instant};

use http::StatusCode;
use reqwest::Response;
use trinity_access::{Limits, Standing};
use trinity_bus::{Bus, Script};
use trinity_ids::{TenantId, UserId};
use trinity_testkit::{OwnRedis, TestRedis, eventually};

use crate::stack::{Installation, LIMIT, Stack, refused, start, start_in};

fn with_redis() -> Installation {
    let TestRedis { url, prefix } = TestRedis::new();
    Installation { redis_url: url, redis_prefix: prefix, ..Installation::default() }
}

fn limited(requests_per_minute: u32) -> Standing {
    let limits = Limits { requests_per_minute: Some(requests_per_minute), ..Limits::default() };
    Standing { limits, ..Standing::unlimited() }
}

/// Sends requests one after the other to each gateway in turn; gives how many were let through, and the last refusal.
async fn flood(stacks: &[&Stack], token: &str, times: usize) -> (u32, Option<Response>) {
    let (mut passed, mut refusal) = (0, None);
    for stack in stacks.iter().cycle().take(times) {
        let request = stack.http.get(format!("{}/api/v1/apps", stack.base)).bearer_auth(token);
        let response = request.send().await.unwrap();
        match response.status() {
            StatusCode::OK => passed += 1,
            StatusCode::TOO_MANY_REQUESTS => refusal = Some(response),
            other => panic!("{other}"),
        }
    }
    (passed, refusal)
}

/// The most that a limit lets through from `began` to now, after nothing before: a burst of ten seconds' worth, what
/// has come in since, a second's worth that may have been kept, and one for the rounding.
fn most(limit: u32, began: Instant) -> u32 {
    let seconds = began.elapsed().as_secs_f64() + 1.0;
    limit / 6 + (f64::from(limit) / 60.0 * seconds).ceil() as u32 + 1
}

#[tokio::test]
async fn a_tenant_is_told_what_is_left_and_when_to_come_again() {
    let stack = start_in(&with_redis(), |_| ()).await;
    stack.tokens.set_standing(stack.tenant, limited(60));
    let began = Instant::now();
    let first = stack.get("/apps").send().await.unwrap();
    assert_eq!((first.status(), &first.headers()["ratelimit-limit"]), (StatusCode::OK, &"60".parse().unwrap()));
    assert_eq!(first.headers()["ratelimit-remaining"], "9");
    let (passed, refusal) = flood(&[&stack], &stack.token, 40).await;
    assert!((9..most(60, began)).contains(&passed), "{passed} passed");
    let refusal = refusal.expect("a request too many");
    assert_eq!(refusal.headers()["retry-after"], "1");
    assert_eq!(refusal.headers()["ratelimit-limit"], "60");
    assert_eq!(refusal.headers()["ratelimit-remaining"], "0");
    let body: serde_json::Value = refusal.json().await.unwrap();
    assert_eq!(body["error"]["code"], "RATE_LIMITED");
    assert_eq!(body["error"]["details"]["limit_per_minute"], 60);

    let elsewhere = stack.tokens.user(TenantId::new(), UserId::new(), &["owner"]);
    let (passed, refusal) = flood(&[&stack], &elsewhere, 20).await;
    assert_eq!((passed, refusal.is_none()), (20, true), "another tenant, without a limit");

    let again = || async { stack.get("/apps").send().await.unwrap().status().is_success().then_some(()) };
    eventually(LIMIT, "the next request to be let through", again).await;
}

#[tokio::test]
async fn all_instances_share_one_limit() {
    let installation = with_redis();
    let (one, other) = (start_in(&installation, |_| ()).await, start_in(&installation, |_| ()).await);
    installation.tokens.set_standing(one.tenant, limited(600));
    let began = Instant::now();
    let (passed, refusal) = flood(&[&one, &other], &one.token, 500).await;
    assert!(refusal.is_some() && passed <= most(600, began), "{passed} passed in {:?}", began.elapsed());
    assert!(passed >= 70, "only {passed} passed");
}

#[tokio::test]
async fn many_at_once_get_no_more_than_one_after_the_other() {
    let stack = start_in(&with_redis(), |_| ()).await;
    stack.tokens.set_standing(stack.tenant, limited(600));
    let began = Instant::now();
    let stacks = [&stack];
    let floods = (0..20).map(|_| flood(&stacks, &stack.token, 20));
    let passed: u32 = futures::future::join_all(floods).await.iter().map(|(passed, _)| passed).sum();
    assert!((70..=most(600, began)).contains(&passed), "{passed} passed in {:?}", began.elapsed());
}

#[tokio::test]
async fn without_redis_an_instance_limits_by_itself() {
    let stack = start(|_| ()).await;
    stack.tokens.set_standing(stack.tenant, limited(60));
    let began = Instant::now();
    let (passed, refusal) = flood(&[&stack], &stack.token, 40).await;
    assert!(refusal.is_some() && (10..=most(60, began)).contains(&passed), "{passed} passed");
}

#[tokio::test]
async fn neither_an_emptied_nor_a_lost_redis_gives_a_second_burst() {
    let redis = OwnRedis::start();
    let installation = Installation { redis_url: redis.url().to_owned(), ..Installation::default() };
    let stack = start_in(&installation, |_| ()).await;
    stack.tokens.set_standing(stack.tenant, limited(60));
    let began = Instant::now();
    let mut passed = flood(&[&stack], &stack.token, 30).await.0;
    let bus = Bus::new(redis.url(), "test").unwrap();
    bus.run::<()>(&Script::new("redis.call('FLUSHALL')"), "all", &[]).await.unwrap();
    passed += flood(&[&stack], &stack.token, 30).await.0;
    drop(redis);
    passed += flood(&[&stack], &stack.token, 30).await.0;
    assert!((10..=most(60, began)).contains(&passed), "{passed} passed in {:?}", began.elapsed());
}

#[tokio::test]
async fn a_new_plan_holds_at_once() {
    let stack = start_in(&with_redis(), |_| ()).await;
    stack.tokens.set_standing(stack.tenant, limited(1));
    assert!(flood(&[&stack], &stack.token, 5).await.1.is_some());
    stack.tokens.set_standing(stack.tenant, limited(6_000));
    stack.authenticator.forget_standing(Some(stack.tenant));
    assert_eq!(flood(&[&stack], &stack.token, 50).await.0, 50);
}

#[tokio::test]
async fn strangers_are_limited_by_their_address() {
    let stack = start(|config| (config.public_requests_per_minute, config.trusted_proxies) = (5, 1)).await;
    let login = |address: &'static str| {
        let request = stack.http.get(format!("{}/.well-known/jwks.json", stack.base));
        refused(request.header("x-forwarded-for", address))
    };
    for _ in 0..5 {
        assert_eq!(login("192.0.2.1").await.0, 501, "it reaches the service, which does not have this");
    }
    let (status, code, details) = login("192.0.2.1").await;
    assert_eq!((status, code.as_str(), &details["limit_per_minute"]), (429, "RATE_LIMITED", &5.into()));
    assert!(details["retry_after_seconds"].as_u64().unwrap() <= Duration::from_secs(12).as_secs());
    assert_eq!(login("192.0.2.2").await.0, 501);
    let signed_in = stack.get("/apps").header("x-forwarded-for", "192.0.2.1").send().await.unwrap();
    assert_eq!(signed_in.status(), StatusCode::OK);
    assert!(!signed_in.headers().contains_key("ratelimit-limit"));
}
