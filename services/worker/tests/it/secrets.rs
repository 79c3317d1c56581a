//! Secrets: opened for one attempt, and nowhere to be read afterwards.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use trinity_proto::orchestration::{self as pb, connect_request::Kind};

use crate::fake::{Bench, Connection, VARIABLES, task};

/// An endpoint that refuses every request by quoting what it was told in confidence.
async fn indiscreet(serving: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    serving.spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                let read = socket.read_buf(&mut head).await.unwrap();
                assert!(read > 0, "the request is cut short");
            }
            let head = String::from_utf8_lossy(&head);
            let told = head.lines().find_map(|line| line.strip_prefix("x-token: ")).unwrap_or("nothing");
            let answer = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\nconnection: close\r\n\r\nwhat is {told}?",
                told.len() + 9
            );
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    url
}

fn call(id: &str, url: &str, secret: &str) -> pb::AssignedTask {
    let mut call = task(id, "http", &json!({"url": url, "secret_headers": {"X-Token": secret}}));
    call.secrets = vec![secret.to_owned()];
    call
}

/// How a task failed, and what was said meanwhile.
async fn failed(connection: &mut Connection) -> (pb::TaskFailed, Vec<String>) {
    let mut said = Vec::new();
    let failed = connection
        .next("the failure", |kind| match kind {
            Kind::Log(log) => {
                said.extend(log.lines.into_iter().map(|line| line.message));
                None
            }
            Kind::Failed(failed) => Some(failed),
            Kind::Completed(completed) => panic!("{completed:?}"),
            _ => None,
        })
        .await;
    (failed, said)
}

#[tokio::test]
async fn a_secret_reaches_its_endpoint_and_no_message() {
    let mut serving = JoinSet::new();
    let url = indiscreet(&mut serving).await;
    let mut bench = Bench::start_with(|config| config.egress_allow = vec!["127.0.0.1".to_owned()]).await;
    let mut connection = bench.welcomed().await;
    connection.assign(vec![call("a", &url, "API_TOKEN")]);
    let (failed, said) = failed(&mut connection).await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("HTTP_REJECTED", false));
    // It was told the secret, and quoted it.
    assert_eq!(failed.message, "the endpoint answered with status 403: what is •••?");
    let (_, secret) = VARIABLES[0];
    assert!(!said.is_empty() && said.iter().all(|line| !line.contains(secret)), "{said:?}");
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_named() {
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    connection.assign(vec![call("a", "http://127.0.0.1:1/", "NO_SUCH_TOKEN")]);
    let (failed, _) = failed(&mut connection).await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("SECRET_MISSING", false));
    assert!(failed.message.contains("NO_SUCH_TOKEN"), "{}", failed.message);
}

#[tokio::test]
async fn addresses_inside_are_refused_unless_the_operator_allows_them() {
    let mut serving = JoinSet::new();
    let url = indiscreet(&mut serving).await;
    let mut bench = Bench::start().await;
    let mut connection = bench.welcomed().await;
    connection.assign(vec![call("a", &url, "API_TOKEN")]);
    let (failed, _) = failed(&mut connection).await;
    assert_eq!((failed.code.as_str(), failed.retryable), ("HTTP_REFUSED", false));
}
