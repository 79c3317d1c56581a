//! What a call that succeeds looks like.

use reqwest::Method;
use serde_json::json;

use crate::stack::{send, start};

#[tokio::test]
async fn an_answer_stands_in_the_envelope() {
    let stack = start(|_| ()).await;
    let body = r#"{"name":"p1","app":"weather","settings":{"b":1,"a":[1e400,0.10,12345678901234567890123]}}"#;
    let request =
        stack.post("/projects").header("content-type", "application/json").header("x-request-id", "my-id").body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert_eq!(response.headers()["x-request-id"], "my-id");
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let text = response.text().await.unwrap();
    let expected = concat!(
        r#"{"success":true,"data":{"id":"p1","name":"p1","description":"","owner_id":"","app":"weather","state":null,"#,
        r#""settings":{"b":1,"a":[1e400,0.10,12345678901234567890123]},"version":1,"#,
        r#""created_at":"2026-01-01T00:00:00.500Z","updated_at":null,"deleted_at":null,"deleted_reason":null},"#,
        r#""meta":{"timestamp":""#
    );
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with(r#"","version":"v1","request_id":"my-id"}}"#), "{text}");
}

#[tokio::test]
async fn a_list_has_its_pagination_in_meta() {
    let stack = start(|_| ()).await;
    stack.create_project("p1").await;
    let (status, body) = send(stack.get("/workspaces?page=3&per_page=50&page_token=t%C3%A9&app=weather")).await;
    assert_eq!(status, 200);
    assert_eq!(body["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        body["meta"]["pagination"],
        json!({"page": 3, "per_page": 50, "total": 1, "total_pages": null, "next_page_token": "té"})
    );
    let (_, body) = send(stack.get("/apps")).await;
    assert_eq!(body["data"], json!([{"slug": "weather", "name": "Weather", "description": "", "active": true}]));
    assert!(body["meta"].get("pagination").is_none());
}

#[tokio::test]
async fn deleting_answers_an_empty_object() {
    let stack = start(|_| ()).await;
    stack.create_project("p1").await;
    let (status, body) = send(stack.request(Method::DELETE, "/projects/p1?reason=old%20stuff")).await;
    assert_eq!((status, &body["data"]), (200, &json!({})));
}

#[tokio::test]
async fn a_large_canvas_survives_a_round_trip_byte_for_byte() {
    let stack = start(|_| ()).await;
    let molecule =
        r#"{"z":1.10,"id":"ä\u0041","n":9007199254740993000001,"position":{"x":100, "y" : 1e2},"deep":[[[[{}]]]]}"#;
    let canvas = format!("[{}]", vec![molecule; 1_000].join(","));
    assert!(canvas.len() > 100_000);
    let body = format!(r#"{{"name":"big","app":"weather","state":{canvas}}}"#);
    for request in [
        stack.post("/projects").header("content-type", "application/json; charset=utf-8").body(body),
        stack.get("/projects/big"),
    ] {
        let text = request.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(&format!(r#""state":{canvas},"settings":null"#)));
    }
    // And compressed, for who asks.
    let response = stack.get("/projects/big").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert!(response.bytes().await.unwrap().len() < canvas.len() / 10);
}

#[tokio::test]
async fn if_match_guards_a_change_and_answers_412() {
    let stack = start(|_| ()).await;
    stack.create_project("p1").await;
    let patch = |if_match: &'static str| {
        stack.request(Method::PATCH, "/projects/p1").header("if-match", if_match).json(&json!({"name": "new"}))
    };
    let response = patch("\"1\"").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["etag"].to_str().unwrap()), (200, "\"2\""));
    let (status, body) = send(patch("\"1\"")).await;
    assert_eq!((status, &body["error"]["code"]), (412, &json!("VERSION_CONFLICT")));
    assert_eq!(send(patch("*")).await.0, 200);
    for odd in ["7", "W/\"7\"", "\"a\"", "\"1\", \"2\""] {
        let (status, body) = send(patch(odd)).await;
        assert_eq!((status, &body["error"]["details"]["violations"][0]["field"]), (400, &json!("If-Match")), "{odd}");
    }
    // The same conflict without the header is a conflict.
    let request = stack.request(Method::PATCH, "/projects/p1").json(&json!({"name": "new", "version": 1}));
    assert_eq!(send(request).await.0, 409);
}

#[tokio::test]
async fn services_are_told_who_asks_and_clients_cannot_forge_it() {
    let stack = start(|config| config.trusted_proxies = 1).await;
    let request = stack
        .get("/projects?page=1")
        .header("host", "acme.example:8080")
        .header("user-agent", "probe/1")
        .header("x-forwarded-for", "6.6.6.6, 1.2.3.4")
        .header("x-client-ip", "forged")
        .header("x-host", "forged")
        .header("x-user-agent", "forged")
        .header("x-odd", "kept out")
        .header("x-request-id", "r1")
        .header("x-request-timeout-ms", "5000");
    assert_eq!(send(request).await.0, 200);
    let metadata = stack.peer.metadata.lock().unwrap().clone();
    let seen = |name: &str| metadata.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(seen("authorization"), Some(format!("Bearer {}", stack.token)));
    assert_eq!(seen("x-request-id").as_deref(), Some("r1"));
    assert_eq!(seen("x-client-ip").as_deref(), Some("1.2.3.4"));
    assert_eq!(seen("x-user-agent").as_deref(), Some("probe/1"));
    assert_eq!(seen("x-host").as_deref(), Some("acme.example"));
    assert_eq!(seen("traceparent").map(|text| text.len()), Some(55));
    assert_eq!(seen("x-odd"), None);
    let timeout = seen("grpc-timeout").unwrap();
    let micros: u64 = timeout.strip_suffix('u').unwrap().parse().unwrap();
    assert!((4_000_000..=5_000_000).contains(&micros), "{timeout}");
}

#[tokio::test]
async fn path_parameters_are_decoded_and_win_over_the_body() {
    let stack = start(|_| ()).await;
    stack.create_project("a b/ü").await;
    let (status, body) = send(stack.get("/projects/a%20b%2F%C3%BC")).await;
    assert_eq!((status, &body["data"]["id"]), (200, &json!("a b/ü")));
    let request =
        stack.request(Method::PATCH, "/projects/a%20b%2F%C3%BC").json(&json!({"project_id": "other", "name": "new"}));
    assert_eq!(send(request).await.1["data"]["id"], "a b/ü");
}

#[tokio::test]
async fn a_preview_shows_its_rows_as_they_are() {
    let stack = start(|_| ()).await;
    let text = stack.get("/datasets/d1/preview?rows=2").send().await.unwrap().text().await.unwrap();
    assert!(text.contains(r#""data":{"columns":[],"rows":[{"b":0.10,"a":null},{"b":1.10,"a":null}]}"#), "{text}");
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let stack = start(|_| ()).await;
    let response = stack.request(Method::HEAD, "/apps").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.unwrap().is_empty());
}
