//! Workers: their stream, and who is connected.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};
use trinity_context::RequestContext;
use trinity_error::{Code, Error, Result, parse_id};
use trinity_ids::WorkerId;
use trinity_proto::identity::RevealVariablesRequest;
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::connect_request::Kind;

use crate::convert;
use crate::jobs::input::{Connected, Ending, Input};
use crate::jobs::registrar::Written;
use crate::store;
use crate::store::log::NewLine;
use crate::wiring::App;

/// How long a log line, an error or a name may be, in bytes.
const MAX_TEXT: usize = 16 << 10;
const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];
/// How far a worker's clock may be off before ours is taken.
const LONGEST_DRIFT: TimeDelta = TimeDelta::days(8);
const MAX_SLOTS: u32 = 1024;
const MAX_LABELS: usize = 32;
const MAX_LABEL: usize = 64;

/// Tells connections of one worker apart.
static CONNECTIONS: AtomicU64 = AtomicU64::new(1);

/// Takes a worker in: Hello first, then whatever it says until the stream ends.
///
/// # Errors
/// `InvalidArgument` when the first message is not a sound Hello.
pub async fn connect(
    app: &Arc<App>,
    mut messages: Streaming<pb::ConnectRequest>,
) -> Result<UnboundedReceiverStream<Result<pb::ConnectResponse, Status>>> {
    let first = messages.message().await.map_err(Error::from)?.and_then(|message| message.kind);
    let Some(Kind::Hello(hello)) = first else {
        return Err(Error::invalid("kind", "of the first message must be hello"));
    };
    let worker: WorkerId = parse_id("hello.worker_id", &hello.worker_id)?;
    if hello.slots == 0 || hello.slots > MAX_SLOTS {
        return Err(Error::invalid("hello.slots", format!("is between 1 and {MAX_SLOTS}")));
    }
    let labels = labels(hello.labels)?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let welcome = pb::Welcome { lease_ms: app.lease_ms, heartbeat_ms: app.heartbeat_ms };
    let _ = sender.send(Ok(pb::ConnectResponse { kind: Some(pb::connect_response::Kind::Welcome(welcome)) }));
    let connection = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    let running = hello.running.iter().filter_map(convert::task_key).collect();
    let connected = Connected {
        worker,
        connection,
        name: plain(hello.name),
        slots: hello.slots,
        labels,
        seen_at: Instant::now(),
        sender,
    };
    app.engine.send(Input::Joined(connected)).await;
    app.engine.send(Input::Heartbeat { worker, running }).await;

    let app = Arc::clone(app);
    trinity_telemetry::spawn("worker-stream", async move {
        while let Some(Ok(message)) = messages.next().await {
            if let Some(kind) = message.kind {
                take(&app, worker, kind).await;
            }
        }
        app.engine.send(Input::Left { worker, connection }).await;
    });
    Ok(UnboundedReceiverStream::new(receiver))
}

/// What a worker takes, in order and once each; "default" when it says nothing.
fn labels(said: Vec<String>) -> Result<Vec<String>> {
    let is_sound = |label: &String| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
    };
    if said.len() > MAX_LABELS || !said.iter().all(is_sound) {
        let message = format!("are at most {MAX_LABELS} words of letters, digits, '-', '_', '.' and ':'");
        return Err(Error::invalid("hello.labels", message));
    }
    let labels: BTreeSet<String> = said.into_iter().collect();
    Ok(if labels.is_empty() { vec!["default".to_owned()] } else { labels.into_iter().collect() })
}

async fn take(app: &App, worker: WorkerId, kind: Kind) {
    match kind {
        Kind::Hello(hello) => app.engine.send(Input::Resized { worker, slots: hello.slots.min(MAX_SLOTS) }).await,
        Kind::Heartbeat(heartbeat) => {
            let running = heartbeat.running.iter().filter_map(convert::task_key).collect();
            app.engine.send(Input::Heartbeat { worker, running }).await;
        }
        Kind::Log(log) => {
            if let Some(key) = log.task.as_ref().and_then(convert::task_key) {
                let lines = log.lines.into_iter().map(|line| new_line(key, line)).collect();
                app.engine.send(Input::Logs(lines)).await;
            }
        }
        Kind::Completed(result) => {
            let Some(key) = result.task.as_ref().and_then(convert::task_key) else { return };
            if !is_sound(&result) {
                let message = "the worker gave a result document that is not JSON".to_owned();
                let ending = Ending::Failed { code: "RESULT_MALFORMED".to_owned(), message, retryable: false };
                app.engine.send(Input::Ended { worker, key, ending }).await;
            } else if result.outputs.is_empty() {
                app.engine.send(Input::Ended { worker, key, ending: Ending::Completed(Box::new(result)) }).await;
            } else {
                // Why: waiting here would hold up heartbeats. What does not fit, the worker repeats.
                let _ = app.registrar.try_send(Written { worker, key, result: Box::new(result) });
            }
        }
        Kind::Failed(failed) => {
            if let Some(key) = failed.task.as_ref().and_then(convert::task_key) {
                let (code, message) = (plain(failed.code), plain(failed.message));
                let ending = Ending::Failed { code, message, retryable: failed.retryable };
                app.engine.send(Input::Ended { worker, key, ending }).await;
            }
        }
    }
}

fn new_line(key: store::queue::TaskKey, line: pb::TaskLogLine) -> NewLine {
    let now = Utc::now();
    let level = if LEVELS.contains(&line.level.as_str()) { line.level } else { "info".to_owned() };
    NewLine {
        key,
        // Why: a worker's clock may be anywhere; Postgres takes no time that is out of its range.
        at: DateTime::from_timestamp_millis(line.at_ms).filter(|at| (now - *at).abs() < LONGEST_DRIFT).unwrap_or(now),
        level,
        message: plain(line.message),
    }
}

/// Whether a result's document is one.
fn is_sound(result: &pb::TaskCompleted) -> bool {
    let text = result.result.as_ref().map(|json| json.text.as_str()).unwrap_or_default();
    text.is_empty() || convert::is_json(text)
}

/// A text that Postgres takes: without zero bytes, and of bounded length.
fn plain(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
    text.replace('\0', "")
}

/// Lists the workers that are connected.
///
/// # Errors
/// `Unavailable` when Postgres is away.
pub async fn list(app: &App, ctx: &RequestContext, _: pb::ListWorkersRequest) -> Result<pb::ListWorkersResponse> {
    let mut tx = app.db.begin(ctx).await?;
    let rows = store::worker::list(&mut tx).await?;
    tx.commit().await?;
    Ok(pb::ListWorkersResponse { workers: rows.into_iter().map(Into::into).collect() })
}

/// Opens the secrets that an attempt's config names, while it holds its lease.
///
/// # Errors
/// `FailedPrecondition` `LEASE_LOST`; `PermissionDenied` a name that the config does not have; `Unavailable`.
pub async fn reveal(
    app: &App,
    ctx: &RequestContext,
    request: pb::RevealSecretsRequest,
) -> Result<pb::RevealSecretsResponse> {
    let task = request.task.as_ref().ok_or_else(|| Error::required("task"))?;
    let key = convert::task_key(task).ok_or_else(|| Error::invalid("task", "is not a task"))?;
    let mut tx = app.db.begin_system("secrets").await?;
    let named = store::secret::find_named(&mut tx, &key).await?;
    tx.commit().await?;
    let lost = || Error::new(Code::FailedPrecondition, "LEASE_LOST", "the attempt is no longer under way");
    let (user, known) = named.ok_or_else(lost)?;
    if request.names.iter().any(|name| !known.contains(name)) {
        return Err(Error::new(Code::PermissionDenied, "SECRET_NOT_NAMED", "the task's config names no such secret"));
    }
    // Why: to identity no names are all names.
    if request.names.is_empty() {
        return Ok(pb::RevealSecretsResponse::default());
    }
    let message = RevealVariablesRequest {
        tenant_id: key.tenant_id.to_string(),
        user_id: user.to_string(),
        names: request.names,
    };
    let answer = app.environment.clone().reveal_variables(app.launcher.peers.request(ctx, message)).await?.into_inner();
    Ok(pb::RevealSecretsResponse { values: answer.values })
}
