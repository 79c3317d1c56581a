//! Bodies that go on as they came, and fields that come from headers.

use serde_json::json;

use crate::stack::{refused, send, start};

#[tokio::test]
async fn a_raw_body_and_its_headers_reach_the_service_byte_for_byte() {
    let stack = start(|_| ()).await;
    let url = format!("{}/api/v1/incoming/secret%2Ftoken", stack.base);
    let body = "{\"b\": 1.10,  \"a\": \"\\u00e4\"}\r\n";
    let request = stack.http.post(&url).header("webhook-id", "msg_1").header("webhook-signature", "v1,c2ln").body(body);
    let (status, answer) = send(request).await;
    assert_eq!((status, &answer["data"]["run_id"]), (200, &json!("run")));
    let seen = stack.peer.hooks.lock().unwrap().pop().unwrap();
    assert_eq!((seen.token.as_str(), seen.body.as_ref()), ("secret/token", body.as_bytes()));
    assert_eq!((seen.webhook_id.as_str(), seen.webhook_signature.as_str()), ("msg_1", "v1,c2ln"));
    assert_eq!(seen.webhook_timestamp, "");
}

#[tokio::test]
async fn what_comes_from_a_header_cannot_come_by_the_query() {
    let stack = start(|_| ()).await;
    let (status, code, _) = refused(stack.http.post(format!("{}/api/v1/incoming/t?webhook_id=x", stack.base))).await;
    assert_eq!((status, code.as_str()), (400, "INVALID_ARGUMENT"));
    let twice = stack.http.post(format!("{}/api/v1/incoming/t", stack.base));
    let (status, ..) = refused(twice.header("webhook-id", "a").header("webhook-id", "b")).await;
    assert_eq!(status, 400);
    assert!(stack.peer.hooks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_raw_body_is_limited_as_json_is() {
    let stack = start(|config| config.json_limit_bytes = 10).await;
    let (status, ..) = refused(stack.http.post(format!("{}/api/v1/incoming/t", stack.base)).body("x".repeat(11))).await;
    assert_eq!(status, 413);
}
