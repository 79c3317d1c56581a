//! Calls of hooks: whoever has the address and the key starts a run.
//!
//! Nobody is told which of the two he lacks, nor that a hook is paused: every refusal is the same.

use chrono::Utc;
use trinity_context::{Caller, RequestContext};
use trinity_error::{Code, Error, Result};
use trinity_ids::RunId;
use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;

use crate::convert;
use crate::domain::address::Address;
use crate::domain::order::Trigger;
use crate::events;
use crate::store;
use crate::store::hook::Row;
use crate::store::start::NewStart;
use crate::wiring::App;

const MAX_MESSAGE_ID_BYTES: usize = 255;
/// How many runs of one hook may wait to be started.
const MAX_WAITING: i64 = 1_000;

/// Starts a run with the body as its context; a repeated webhook-id answers the first run.
///
/// # Errors
/// `NotFound` for every address, key, signature or time that is not right; `InvalidArgument` for a signed body that is
/// no JSON object of at most 64 KiB; `ResourceExhausted` while 1,000 runs of the hook wait.
pub async fn receive(
    app: &App,
    ctx: &RequestContext,
    request: pb::ReceiveHookRequest,
) -> Result<pb::ReceiveHookResponse> {
    let address = Address::parse(&request.token).ok_or_else(refused)?;
    // Why nobody: whoever is signed in calls as the holder of the key all the same.
    let mut ctx = ctx.for_tenant(address.tenant);
    ctx.caller = Caller::Anonymous;
    let mut tx = app.db.begin(&ctx).await?;
    let found = store::hook::find_open(&mut tx, address.tenant, &address.secret.digest()).await?;
    let hook = found.ok_or_else(refused)?;
    verify(app, &hook, &request)?;
    let context = context(&request.body)?;
    let mut run = RunId::new();
    let earlier = store::hook::note_call(&mut tx, address.tenant, hook.id, &request.webhook_id, run).await?;
    match earlier {
        Some(earlier) => run = earlier,
        None if store::hook::has_backlog(&mut tx, address.tenant, hook.id, MAX_WAITING).await? => {
            let message = format!("{MAX_WAITING} runs of the hook wait already");
            return Err(Error::new(Code::ResourceExhausted, "TOO_MANY_RUNS_WAIT", message));
        }
        None => {
            let target = hook.target.target().ok_or_else(refused)?;
            let project = hook.target.project_id;
            let start = NewStart::new(address.tenant, target, project, Trigger::Webhook, hook.created_by);
            let start = NewStart { id: run, context, hook_id: Some(hook.id), priority: hook.priority, ..start };
            store::start::insert(&mut tx, &[start]).await?;
            trinity_outbox::write(&mut tx, &ctx, events::received(&hook, run)).await?;
        }
    }
    tx.commit().await?;
    app.teller.bells.starter.notify_one();
    Ok(pb::ReceiveHookResponse { run_id: run.to_string() })
}

fn verify(app: &App, hook: &Row, request: &pb::ReceiveHookRequest) -> Result<()> {
    let key = app.vault.open(hook.id, &hook.sealed_key)?;
    let now = Utc::now().timestamp().unsigned_abs();
    let (id, time, signatures) = (&request.webhook_id, &request.webhook_timestamp, &request.webhook_signature);
    let is_named = id.len() <= MAX_MESSAGE_ID_BYTES && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_named && key.verify(id, time, signatures, &request.body, now) { Ok(()) } else { Err(refused()) }
}

fn context(body: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(body).map_err(|_| Error::invalid("body", "is not UTF-8"))?;
    convert::object("body", Some(Json::new(text)))
}

fn refused() -> Error {
    Error::not_found("hook")
}
