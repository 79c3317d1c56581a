//! The binary against a small server that speaks the envelope: sessions, errors and exit codes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::process::Command;

const PASSWORD: &str = "a long enough password";

fn success(data: &Value) -> Json<Value> {
    Json(json!({"success": true, "data": data, "meta": {"version": "v1", "request_id": "r1"}}))
}

fn refusal(status: StatusCode, code: &str, message: &str) -> (StatusCode, Json<Value>) {
    let error = json!({"code": code, "message": message, "details": {}});
    (status, Json(json!({"success": false, "error": error, "meta": {"request_id": "r2"}})))
}

/// Tokens that are over at once, so that the next command must refresh.
fn tokens(access: &str) -> Value {
    json!({"access_token": access, "refresh_token": "refresh-1", "token_type": "Bearer", "expires_in": 0})
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

async fn login(Json(body): Json<Value>) -> Answer {
    if body["password"] == PASSWORD && body["tenant"] == "demo" {
        return Ok(success(&tokens("from-login")));
    }
    Err(refusal(StatusCode::UNAUTHORIZED, "INVALID_CREDENTIALS", "wrong e-mail or password"))
}

async fn refresh(Json(body): Json<Value>) -> Answer {
    if body["refresh_token"] == "refresh-1" {
        return Ok(success(&tokens("from-refresh")));
    }
    Err(refusal(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "sign in to do this"))
}

/// Two pages, for the token of a refresh alone.
async fn projects(headers: HeaderMap, Query(query): Query<Vec<(String, String)>>) -> Answer {
    if headers.get("authorization").is_none_or(|token| token != "Bearer from-refresh") {
        return Err(refusal(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "sign in to do this"));
    }
    let second = query.iter().any(|(name, value)| name == "page_token" && value == "2");
    let (name, next) = if second { ("Second", "") } else { ("First", "2") };
    Ok(Json(json!({
        "success": true, "data": [{"id": "x", "name": name}], "meta": {"pagination": {"next_page_token": next}},
    })))
}

const OUTER: &str = "0198c0de-0000-7000-8000-000000000001";
const INNER: &str = "0198c0de-0000-7000-8000-000000000002";

/// Reports at the top, 2026 in it, and May in that.
async fn folders(Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    let parent = query.iter().find(|(name, _)| name == "parent_id").map(|(_, id)| id.as_str());
    success(&match parent {
        Some("") => json!([{"id": OUTER, "name": "Reports"}]),
        Some(OUTER) => json!([{"id": INNER, "name": "2026"}]),
        Some(INNER) => json!([{"id": "x", "name": "May"}]),
        _ => json!([]),
    })
}

/// Starts the server. Returns its URL.
async fn server() -> String {
    let routes = Router::new()
        .route("/api/v1/auth/login", post(login))
        .route("/api/v1/auth/refresh", post(refresh))
        .route("/api/v1/projects", get(projects))
        .route("/api/v1/projects/{project}/folders", get(folders))
        .route("/api/v1/audit/verify", post(async || success(&json!({"valid": false, "first_bad_sequence": 3}))));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    trinity_telemetry::spawn("test-server", async move { axum::serve(listener, routes).await.unwrap() });
    url
}

async fn trinity(home: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trinity"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn login_is_remembered_for_its_owner_alone_and_renewed() {
    let (url, home) = (server().await, tempfile::tempdir().unwrap());
    let login = ["login", "--url", &url, "--tenant", "demo", "--email", "a@demo.test"];
    let output = trinity(home.path(), &[("TRINITY_PASSWORD", PASSWORD)], &login).await;
    assert!(output.status.success(), "{output:?}");
    let session = home.path().join(".config/trinity/session.json");
    assert_eq!(session.metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let output = trinity(home.path(), &[], &["projects", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|project| &project["name"]).collect();
    assert_eq!(names, ["First", "Second"]);
}

#[tokio::test]
async fn environment_signs_in_without_a_session() {
    let (url, home) = (server().await, tempfile::tempdir().unwrap());
    let environment = [
        ("TRINITY_URL", url.as_str()),
        ("TRINITY_TENANT", "demo"),
        ("TRINITY_EMAIL", "a@demo.test"),
        ("TRINITY_PASSWORD", PASSWORD),
    ];
    let output = trinity(home.path(), &environment, &["audit", "verify"]).await;
    assert_eq!(output.status.code(), Some(6), "a broken chain is bad news: {output:?}");
    assert!(stdout(&output).contains("broken at event 3"));
}

#[tokio::test]
async fn a_folder_is_named_by_its_path() {
    let (url, home) = (server().await, tempfile::tempdir().unwrap());
    let environment = [("TRINITY_URL", url.as_str()), ("TRINITY_TOKEN", "any")];
    let list = async |place: &str| {
        trinity(home.path(), &environment, &["folders", "list", "--project", OUTER, "--in", place]).await
    };
    let found = list("Reports/2026").await;
    assert!(found.status.success() && stdout(&found).contains("May"), "{found:?}");
    assert_eq!(list("Reports/2027").await.status.code(), Some(4));
}

#[tokio::test]
async fn exit_codes_tell_what_went_wrong() {
    let (url, home) = (server().await, tempfile::tempdir().unwrap());
    let nobody = trinity(home.path(), &[], &["projects", "list"]).await;
    assert_eq!(nobody.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("not signed in"));

    let login = ["login", "--url", &url, "--tenant", "demo", "--email", "a@demo.test"];
    let wrong = trinity(home.path(), &[("TRINITY_PASSWORD", "wrong")], &login).await;
    assert_eq!(wrong.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("wrong e-mail or password (INVALID_CREDENTIALS)"));

    let away = ["login", "--url", "http://127.0.0.1:1", "--email", "a@demo.test"];
    assert_eq!(trinity(home.path(), &[("TRINITY_PASSWORD", PASSWORD)], &away).await.status.code(), Some(5));

    assert_eq!(trinity(home.path(), &[], &["projects", "no-such-command"]).await.status.code(), Some(2));
}
