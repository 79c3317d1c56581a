//! Stopping without a failed request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stack::{LIMIT, background, send, start};

#[tokio::test]
async fn a_request_under_way_is_finished() {
    let stack = start(|_| ()).await;
    stack.create_project("slow").await;
    let request = background(send(stack.get("/projects/slow")));
    tokio::time::timeout(LIMIT, stack.peer.arrived.notified()).await.unwrap();
    stack.shutdown.cancel();
    stack.peer.released.notify_one();
    assert_eq!(request.await.unwrap().0, 200);
    tokio::time::timeout(LIMIT, stack.serving).await.expect("the gateway ends").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_gateway_drains() {
    let stack = Arc::new(start(|config| config.drain_delay_ms = 300).await);
    let done = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (stack, done) = (stack.clone(), done.clone());
            background(async move {
                // As a load balancer does: on to the next request until the gateway says that it leaves.
                loop {
                    let response = stack.get("/apps").send().await.expect("no request fails");
                    assert_eq!(response.status(), 200);
                    let leaves = response.headers().get("connection").is_some_and(|value| value == "close");
                    response.bytes().await.expect("a whole answer");
                    done.fetch_add(1, Ordering::Relaxed);
                    if leaves {
                        return;
                    }
                }
            })
        })
        .collect();
    trinity_testkit::eventually(LIMIT, "some load", || async { (done.load(Ordering::Relaxed) > 200).then_some(()) })
        .await;
    stack.shutdown.cancel();
    let ready = stack.http.get(format!("{}/readyz", stack.base)).send().await.unwrap();
    assert_eq!(ready.status(), 503, "it is not ready while it drains");
    for client in clients {
        tokio::time::timeout(LIMIT, client).await.expect("the clients are sent away").expect("no request fails");
    }
    let stack = Arc::into_inner(stack).unwrap();
    tokio::time::timeout(LIMIT, stack.serving).await.expect("the gateway ends").unwrap().unwrap();
}
