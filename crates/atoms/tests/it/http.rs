//! `http` against a real endpoint on this machine.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use trinity_atoms::{Engine, Fault, InputTable, Outcome, Pool, fault::code};
use trinity_egress::Egress;

use crate::{
    processes::pool_settings,
    support::{Bench, settings},
};

const SECRET: &str = "Bearer 0123456789abcdef";

/// What a request looked like.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    headers: HeaderMap,
    rows: Vec<Value>,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Answerer = Arc<dyn Fn(usize, &Seen) -> Response + Send + Sync>;

/// An endpoint that answers as the test says, and remembers what it was sent.
struct Endpoint {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _serving: JoinSet<()>,
}

#[derive(Clone)]
struct Door {
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Answerer,
}

async fn take(State(door): State<Door>, method: axum::http::Method, headers: HeaderMap, body: Bytes) -> Response {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    let seen = Seen { method: method.to_string(), headers, rows };
    let number = {
        let mut all = door.seen.lock().unwrap();
        all.push(seen.clone());
        all.len()
    };
    (door.answer)(number, &seen)
}

impl Endpoint {
    async fn start(answer: impl Fn(usize, &Seen) -> Response + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let door = Door { seen: seen.clone(), answer: Arc::new(answer) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/score", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        let router = Router::new().route("/score", any(take)).with_state(door);
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen, _serving: serving }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn ndjson(rows: impl IntoIterator<Item = Value>) -> Response {
    let lines: Vec<String> = rows.into_iter().map(|row| row.to_string()).collect();
    lines.join("\n").into_response()
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    let engine = Engine::new(&settings(bench.folder.path(), 64 << 20)).unwrap();
    bench.engine = engine.with_egress(Egress::new(&["127.0.0.1"]).unwrap());
    bench
}

async fn call(bench: &Bench, config: Value, inputs: &[InputTable]) -> Result<Outcome, Fault> {
    let mut task = bench.task("http", config);
    task.inputs = inputs.to_vec();
    task.labels.insert("run_id".into(), "r".into());
    task.labels.insert("place".into(), "m.call".into());
    task.secrets.insert("SCORES_TOKEN".into(), SECRET.into());
    bench.run(&task).await
}

#[tokio::test]
async fn rows_go_out_in_batches_and_come_back_as_a_table() {
    let endpoint = Endpoint::start(|_, seen| {
        let score = |row: &Value| json!({"id": row["id"], "score": {"value": row["wind"].as_f64().map(|w| w * 2.0)}});
        ndjson(seen.rows.iter().map(score))
    })
    .await;
    let bench = bench();
    let input = bench.table("id,wind,day\n1,1.5,2020-01-02\n2,,2020-01-03\n3,2,2020-01-04\n").await;
    let config = json!({"url": endpoint.url, "batch_rows": 2, "secret_headers": {"Authorization": "SCORES_TOKEN"}});
    let outcome = call(&bench, config, &[input]).await.unwrap();
    assert_eq!((outcome.rows_in, outcome.rows_out), (3, 3));
    let output = &outcome.outputs[0];
    assert_eq!(bench.rows(output), [["1", "3.0"], ["2", "∅"], ["3", "4.0"]]);
    let columns: Vec<_> = output.columns.iter().map(|column| (column.name.as_str(), column.kind.as_str())).collect();
    assert_eq!(columns, [("id", "int64"), ("score.value", "float64")]);
    assert_eq!((&outcome.result["requests"], &outcome.result["rows_sent"]), (&json!(2), &json!(3)));

    let seen = endpoint.seen();
    assert_eq!(seen.iter().map(|request| request.rows.len()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(seen[0].rows[1], json!({"id": 2, "wind": null, "day": "2020-01-03"}));
    assert_eq!((seen[0].method.as_str(), seen[0].header("content-type")), ("POST", "application/x-ndjson"));
    assert_eq!((seen[0].header("authorization"), seen[1].header("idempotency-key")), (SECRET, "r-m.call-2"));
}

#[tokio::test]
async fn without_an_input_one_request_is_sent() {
    let endpoint = Endpoint::start(|_, _| r#"[{"a": 1}, {"a": "x", "b": [1, 2]}]"#.into_response()).await;
    let bench = bench();
    let config = json!({"url": endpoint.url, "method": "GET", "headers": {"x-kind": "all"}});
    let outcome = call(&bench, config, &[]).await.unwrap();
    assert_eq!(bench.rows(&outcome.outputs[0]), [["1", "∅"], ["x", "[1,2]"]]);
    let seen = endpoint.seen();
    assert_eq!((seen.len(), seen[0].method.as_str(), seen[0].header("x-kind")), (1, "GET", "all"));
    assert!(seen[0].rows.is_empty());
}

#[tokio::test]
async fn answers_may_be_of_no_use() {
    let endpoint = Endpoint::start(|_, _| StatusCode::ACCEPTED.into_response()).await;
    let bench = bench();
    let input = bench.table("id\n1\n2\n3\n").await;
    let config = json!({"url": endpoint.url, "batch_rows": 2, "answer": "nothing"});
    let outcome = call(&bench, config, std::slice::from_ref(&input)).await.unwrap();
    assert_eq!(bench.rows(&outcome.outputs[0]), [["1", "2", "202"], ["2", "1", "202"]]);
    let fault = call(&bench, json!({"url": endpoint.url}), &[input]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::HTTP_ANSWER_INVALID, false));
}

#[tokio::test]
async fn a_busy_endpoint_is_asked_again_with_the_same_key() {
    let endpoint = Endpoint::start(|number, _| match number {
        1 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response(),
        2 => (StatusCode::BAD_GATEWAY, [("retry-after", "0")]).into_response(),
        _ => ndjson([json!({"ok": true})]),
    })
    .await;
    let bench = bench();
    let outcome = call(&bench, json!({"url": endpoint.url}), &[]).await.unwrap();
    assert_eq!(bench.rows(&outcome.outputs[0]), [["true"]]);
    let keys: Vec<String> =
        endpoint.seen().iter().map(|request| request.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys, ["r-m.call-1", "r-m.call-1", "r-m.call-1"]);
    let said = bench.log.lock().unwrap().iter().filter(|line| line.level == "warn").count();
    assert_eq!(said, 2);
}

#[tokio::test]
async fn an_endpoint_that_stays_broken_may_be_tried_later() {
    let endpoint = Endpoint::start(|_, _| {
        (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")], "down for a while").into_response()
    })
    .await;
    let fault = call(&bench(), json!({"url": endpoint.url}), &[]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::HTTP_FAILED, true));
    assert_eq!(fault.message, "the endpoint answered with status 503: down for a while");
    assert_eq!(endpoint.seen().len(), 4);
    // One that wants to be left alone for long is.
    let endpoint =
        Endpoint::start(|_, _| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "3600")]).into_response()).await;
    assert!(call(&bench(), json!({"url": endpoint.url}), &[]).await.unwrap_err().retryable);
    assert_eq!(endpoint.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_lasts() {
    let endpoint = Endpoint::start(|_, _| (StatusCode::UNPROCESSABLE_ENTITY, "no such model").into_response()).await;
    let fault = call(&bench(), json!({"url": endpoint.url}), &[]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::HTTP_REJECTED, false));
    assert!(fault.message.ends_with("422: no such model"), "{fault}");
    let redirect = Endpoint::start(|_, _| axum::response::Redirect::to("http://127.0.0.1:1/").into_response()).await;
    let fault = call(&bench(), json!({"url": redirect.url}), &[]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::HTTP_REJECTED, false));
}

#[tokio::test]
async fn what_may_not_be_called_is_not() {
    let endpoint = Endpoint::start(|_, _| ndjson([json!({"a": 1})])).await;
    let mut bench = bench();
    let config = json!({"url": endpoint.url, "secret_headers": {"Authorization": "NO_SUCH"}});
    let fault = call(&bench, config, &[]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::SECRET_MISSING, false));
    let engine = Engine::new(&settings(bench.folder.path(), 64 << 20)).unwrap();
    bench.engine = engine.with_egress(Egress::new(&[] as &[&str]).unwrap());
    let fault = call(&bench, json!({"url": endpoint.url}), &[]).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.retryable), (code::HTTP_REFUSED, false));
    assert!(endpoint.seen().is_empty());
}

#[tokio::test]
async fn cancelling_ends_the_wait_for_an_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = bench();
    let mut settings = pool_settings(&bench);
    settings.egress_allow = vec!["127.0.0.0/8".into()];
    let pool = Pool::new(settings);
    let task = bench.task("http", json!({"url": format!("http://{}/", silent.local_addr().unwrap())}));
    let (cancel, log) = (CancellationToken::new(), bench.log());
    let stop = async {
        // The child has called: it waits for its answer.
        let _connection = silent.accept().await.unwrap();
        let asked = Instant::now();
        cancel.cancel();
        asked
    };
    let (result, asked) = tokio::join!(pool.run(&task, &log, &cancel), stop);
    assert_eq!(result.unwrap_err().code, code::CANCELLED);
    assert!(asked.elapsed() < Duration::from_secs(1), "cancelling took {:?}", asked.elapsed());
}
