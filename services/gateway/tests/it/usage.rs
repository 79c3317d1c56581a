//! Requests are counted by tenant, each once, whatever happens to the batches.

use trinity_ids::{StaffId, TenantId, UserId};
use trinity_testkit::eventually;

use crate::peer::State;
use crate::stack::{LIMIT, start};

const HOUR_MS: u64 = 3_600_000;

fn counted(peer: &State, tenant: TenantId) -> Option<u64> {
    peer.usage.lock().unwrap().requests.get(&tenant.to_string()).copied()
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_counts_once() {
    let stack = start(|config| config.usage_interval_ms = 20).await;
    stack.peer.usage.lock().unwrap().answers_to_lose = 2;
    for path in ["/apps", "/projects", "/projects/nowhere"] {
        stack.get(path).send().await.unwrap();
    }
    let all = || async { (counted(&stack.peer, stack.tenant) == Some(3)).then_some(()) };
    eventually(LIMIT, "all requests to be counted", all).await;
    let again = || async {
        let usage = stack.peer.usage.lock().unwrap();
        let repeats = usage.batches.windows(2).filter(|pair| pair[0] == pair[1]).count();
        (repeats == 2).then_some(())
    };
    eventually(LIMIT, "the batch to be sent until its answer arrives", again).await;
    assert_eq!(counted(&stack.peer, stack.tenant), Some(3));
}

#[tokio::test]
async fn a_gateway_that_drains_tells_what_it_has_counted() {
    let stack = start(|config| config.usage_interval_ms = HOUR_MS).await;
    stack.peer.usage.lock().unwrap().answers_to_lose = 1;
    let other = TenantId::new();
    let token = stack.tokens.user(other, UserId::new(), &["viewer"]);
    for token in [&stack.token, &token, &token] {
        stack.http.get(format!("{}/api/v1/apps", stack.base)).bearer_auth(token).send().await.unwrap();
    }
    stack.shutdown.cancel();
    tokio::time::timeout(LIMIT, stack.serving).await.expect("the gateway ends").unwrap().unwrap();
    assert_eq!((counted(&stack.peer, stack.tenant), counted(&stack.peer, other)), (Some(1), Some(2)));
}

#[tokio::test]
async fn staff_strangers_and_refused_tokens_are_on_nobodys_bill() {
    let stack = start(|config| config.usage_interval_ms = HOUR_MS).await;
    let staff = stack.tokens.staff(StaffId::new());
    for token in [staff.as_str(), "nonsense"] {
        let url = format!("{}/api/v1/platform/tenants/{}", stack.base, stack.tenant);
        stack.http.get(url).bearer_auth(token).send().await.unwrap();
    }
    stack.http.get(format!("{}/healthz", stack.base)).send().await.unwrap();
    stack.shutdown.cancel();
    tokio::time::timeout(LIMIT, stack.serving).await.expect("the gateway ends").unwrap().unwrap();
    assert!(stack.peer.usage.lock().unwrap().batches.is_empty());
}
