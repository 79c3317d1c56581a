//! What a call that fails looks like: one form for all, whoever says no.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::stack::{LIMIT, refused, send, start};

#[tokio::test]
async fn grpc_codes_become_http_statuses() {
    let stack = start(|_| ()).await;
    let table = [
        (1, 504),
        (2, 500),
        (3, 400),
        (4, 504),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (10, 409),
        (11, 400),
        (12, 501),
        (13, 500),
        (14, 503),
        (15, 500),
        (16, 401),
    ];
    for (code, expected) in table {
        let (status, _, _) = refused(stack.get(&format!("/projects/code-{code}"))).await;
        assert_eq!(status, expected, "gRPC code {code}");
    }
    let response = stack.get("/projects/code-14").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    let response = stack.get("/projects/code-16").send().await.unwrap();
    assert_eq!(response.headers()["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn reasons_and_violations_of_a_service_are_passed_on() {
    let stack = start(|_| ()).await;
    let (status, code, details) = refused(stack.get("/projects/nowhere")).await;
    assert_eq!((status, code.as_str(), details), (404, "PROJECT_NOT_FOUND", json!({})));
    let (status, code, details) = refused(stack.get("/projects/invalid")).await;
    assert_eq!((status, code.as_str()), (400, "INVALID_ARGUMENT"));
    assert_eq!(
        details,
        json!({"limit": "200", "violations": [
            {"field": "canvas.molecules[0].id", "reason": "invalid", "message": "is taken: twice"},
            {"field": "name", "reason": "required", "message": "is required"},
        ]})
    );
    assert_eq!(refused(stack.post("/projects/p/restore")).await.1, "NOT_DELETED");
}

#[tokio::test]
async fn messages_that_were_not_written_for_callers_do_not_leave() {
    let stack = start(|_| ()).await;
    for id in ["raw", "panic"] {
        let (_, body) = send(stack.get(&format!("/projects/{id}"))).await;
        assert!(!body.to_string().contains("10.0.0.7"), "{body}");
    }
}

#[tokio::test]
async fn bad_input_names_its_field() {
    let stack = start(|_| ()).await;
    let table = [
        (Method::POST, "/projects", r#"{"name": 5, "app": "x"}"#, "name", "wrong_type"),
        (Method::POST, "/projects", r#"{"name": "x", "app": "y", "colour": 1}"#, "colour", "unknown_field"),
        (Method::POST, "/projects", r#"{"name": "x"}"#, "app", "required"),
        (Method::POST, "/projects", "", "name", "required"),
        (Method::POST, "/projects?name=x", r#"{"name": "x", "app": "y"}"#, "name", "unknown_field"),
        (Method::PATCH, "/projects/p", r#"{"version": -1}"#, "version", "out_of_range"),
        (Method::POST, "/projects", "[]", "", "wrong_type"),
        (Method::GET, "/projects?page=-1", "", "page", "out_of_range"),
        (Method::GET, "/projects?page=one", "", "page", "wrong_type"),
        (Method::GET, "/projects?page=1&page=2", "", "page", "duplicate_field"),
        (Method::GET, "/projects?pages=1", "", "pages", "unknown_field"),
        (Method::GET, "/projects?deleted=yes", "", "deleted", "wrong_type"),
        (Method::GET, "/runs?status=RUNNING", "", "status", "unknown_word"),
        (Method::GET, "/audit/events?from=today", "", "from", "bad_timestamp"),
        (Method::GET, "/workflows/w/versions/new", "", "version", "wrong_type"),
        (Method::GET, "/projects/%FF", "", "project_id", "wrong_type"),
    ];
    for (method, path, body, field, reason) in table {
        let mut request = stack.request(method.clone(), path);
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body);
        }
        let (status, code, details) = refused(request).await;
        let violation = &details["violations"][0];
        let seen = (status, code.as_str(), violation["field"].as_str().unwrap(), violation["reason"].as_str().unwrap());
        assert_eq!(seen, (400, "INVALID_ARGUMENT", field, reason), "{method} {path} {body}");
    }
    let request =
        stack.post("/projects").header("content-type", "application/json").body("{\"name\": \"x\",\n \"app\" 1}");
    let (status, code, details) = refused(request).await;
    assert_eq!(
        (status, code.as_str(), &details["line"], &details["column"]),
        (400, "MALFORMED_JSON", &json!(2), &json!(8))
    );
}

#[tokio::test]
async fn bodies_of_the_wrong_size_or_kind_are_refused() {
    let stack = start(|config| config.json_limit_bytes = 1_000).await;
    let post = |kind: &'static str, body: Vec<u8>| stack.post("/projects").header("content-type", kind).body(body);
    assert_eq!(refused(post("application/json", vec![b' '; 1_001])).await.1, "PAYLOAD_TOO_LARGE");
    let chunks = futures::stream::iter((0..20).map(|_| Ok::<_, std::io::Error>(vec![b' '; 100])));
    let chunked =
        stack.post("/projects").header("content-type", "application/json").body(reqwest::Body::wrap_stream(chunks));
    assert_eq!(refused(chunked).await.0, 413);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        let (status, code, _) = refused(post(kind, b"{}".to_vec())).await;
        assert_eq!((status, code.as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{kind}");
    }
    let (status, ..) = refused(post("application/json", b"{}".to_vec()).header("content-encoding", "gzip")).await;
    assert_eq!(status, 415);
    assert_eq!(refused(stack.get("/apps").body("x")).await.1, "UNEXPECTED_BODY");
    let merge_patch = post("application/merge-patch+json", br#"{"name":"n","app":"a"}"#.to_vec());
    assert_eq!(send(merge_patch).await.0, 201);
}

#[tokio::test]
async fn unknown_paths_and_verbs_are_refused() {
    let stack = start(|_| ()).await;
    for path in ["/nowhere", "/projects/p/", "", "/projects/p/datasets/d"] {
        let (status, code, _) = refused(stack.get(path)).await;
        assert_eq!((status, code.as_str()), (404, "ROUTE_NOT_FOUND"), "{path}");
    }
    let response = stack.request(Method::PUT, "/projects/p").send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["allow"].to_str().unwrap()),
        (405, "GET, PATCH, DELETE")
    );
    assert_eq!(refused(stack.request(Method::PUT, "/projects/p")).await.1, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn internal_rpcs_cannot_be_reached() {
    let stack = start(|_| ()).await;
    for rpc in trinity_proto::descriptors::rpcs().unwrap() {
        // Neither by their gRPC path nor by any route.
        let request = stack.http.post(format!("{}{}", stack.base, rpc.path)).bearer_auth(&stack.token).body("{}");
        assert_eq!(refused(request).await.0, 404, "{}", rpc.path);
    }
}

#[tokio::test]
async fn every_bad_token_is_refused_alike() {
    let stack = start(|_| ()).await;
    let tampered = format!("{}x", stack.token);
    let url = format!("{}/api/v1/projects", stack.base);
    let mut answers = Vec::new();
    for authorization in [
        None,
        Some("Bearer nonsense"),
        Some("Basic YTpi"),
        Some(""),
        Some("Bearer "),
        Some(&format!("Bearer {tampered}")),
    ] {
        let mut request = stack.http.get(&url);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let (status, body) = send(request).await;
        answers.push((status, body["error"].clone()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((answers[0].0, &answers[0].1["code"]), (401, &json!("UNAUTHENTICATED")));
}

#[tokio::test]
async fn a_deadline_that_passes_answers_504_and_cancels_the_call() {
    let stack = start(|_| ()).await;
    let (status, code, _) = refused(stack.get("/projects/slow").header("x-request-timeout-ms", "50")).await;
    assert_eq!((status, code.as_str()), (504, "DEADLINE_EXCEEDED"));
    tokio::time::timeout(LIMIT, stack.peer.dropped.notified()).await.expect("the call is cancelled upstream");
    let (status, ..) = refused(stack.get("/projects/slow").header("x-request-timeout-ms", "soon")).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_the_call() {
    let stack = start(|_| ()).await;
    let request = stack.get("/projects/slow").timeout(Duration::from_millis(100)).send();
    assert!(request.await.is_err_and(|error| error.is_timeout()));
    tokio::time::timeout(LIMIT, stack.peer.dropped.notified()).await.expect("the call is cancelled upstream");
}
