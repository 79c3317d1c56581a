//! Hooks: whoever has the address and the key starts a run, once for each message, and nobody else learns anything.

use std::time::{SystemTime, UNIX_EPOCH};

use trinity_access::{Level, ObjectKind};
use trinity_crypto::WebhookKey;
use trinity_error::{Code, Error};
use trinity_ids::{HookId, TenantId, UserId, WorkflowId};
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::hook_service_client::HookServiceClient;
use trinity_rpc::Channel;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE, request_with};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;
const BODY: &str = r#"{"order": 7}"#;

fn hooks(bench: &Bench) -> HookServiceClient<Channel> {
    HookServiceClient::new(bench.channel())
}

fn new(workflow: &str) -> pb::CreateHookRequest {
    pb::CreateHookRequest { name: "orders".to_owned(), workflow_id: workflow.to_owned(), ..Default::default() }
}

async fn create(bench: &Bench, workflow: &str) -> pb::CreateHookResponse {
    hooks(bench).create_hook(bench.request(new(workflow))).await.unwrap().into_inner()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A call signed at `time` with the key of `secret`.
fn call(path: &str, secret: &str, id: &str, time: u64, body: &str) -> pb::ReceiveHookRequest {
    let key = WebhookKey::parse(secret).unwrap();
    pb::ReceiveHookRequest {
        token: path.strip_prefix("/api/v1/incoming/").unwrap().to_owned(),
        body: body.as_bytes().to_vec().into(),
        webhook_id: id.to_owned(),
        webhook_timestamp: time.to_string(),
        webhook_signature: key.sign(id, time, body.as_bytes()),
    }
}

async fn receive(bench: &Bench, call: pb::ReceiveHookRequest) -> Result<String, Error> {
    // Nobody is signed in.
    Ok(hooks(bench).receive_hook(tonic::Request::new(call)).await.map_err(Error::from)?.into_inner().run_id)
}

fn error_of<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Error {
    Error::from(answer.map(|_| ()).unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_call_starts_a_run_with_its_body_once() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let workflow = WorkflowId::new().to_string();
    let hook = create(&bench, &workflow).await;
    let id = hook.hook.as_ref().unwrap().id.clone();
    let first = call(&hook.path, &hook.secret, "msg_1", now(), BODY);
    let run = receive(&bench, first.clone()).await.unwrap();
    let resent = call(&hook.path, &hook.secret, "msg_1", now() - 100, r#"{"order": 8}"#);
    let (again, resent) = tokio::join!(receive(&bench, first), receive(&bench, resent));
    assert_eq!((again.unwrap(), resent.unwrap()), (run.clone(), run.clone()));
    let other = receive(&bench, call(&hook.path, &hook.secret, "msg_2", now(), "{}")).await.unwrap();
    assert_ne!(other, run);
    let started = eventually(DEADLINE, "the run", || async {
        let message = pb::GetRunRequest { run_id: run.clone() };
        Some(bench.runs().get_run(bench.request(message)).await.ok()?.into_inner().run.unwrap())
    })
    .await;
    assert_eq!((started.trigger(), started.workflow_id.as_str()), (pb::RunTrigger::Webhook, workflow.as_str()));
    assert_eq!((started.hook_id.as_deref(), started.created_by.clone()), (Some(id.as_str()), bench.user.to_string()));
    assert_eq!(started.context.unwrap().text, BODY);
    let events: i64 = bench.ask("SELECT count(*) FROM orchestration.hook_calls").await;
    assert_eq!(events, 2);
    let shown = hooks(&bench).get_hook(bench.request(pb::GetHookRequest { hook_id: id })).await.unwrap().into_inner();
    assert!(shown.hook.unwrap().last_received_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_that_is_not_right_gets_the_same_answer() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let hook = create(&bench, &WorkflowId::new().to_string()).await;
    let paused = create(&bench, &WorkflowId::new().to_string()).await;
    let rotated = create(&bench, &WorkflowId::new().to_string()).await;
    let id = |hook: &pb::CreateHookResponse| hook.hook.as_ref().unwrap().id.clone();
    let message = pb::UpdateHookRequest { hook_id: id(&paused), paused: Some(true), ..Default::default() };
    hooks(&bench).update_hook(bench.request(message)).await.unwrap();
    let message = pb::RotateHookRequest { hook_id: id(&rotated) };
    let fresh = hooks(&bench).rotate_hook(bench.request(message)).await.unwrap().into_inner();

    let right = call(&hook.path, &hook.secret, "m", now(), BODY);
    let token = &right.token;
    let changed = |change: fn(&mut pb::ReceiveHookRequest)| {
        let mut call = right.clone();
        change(&mut call);
        call
    };
    let refused = [
        changed(|call| call.token = "x".to_owned()),
        pb::ReceiveHookRequest { token: format!("{}{}", &token[..70], "AAAAA"), ..right.clone() },
        pb::ReceiveHookRequest {
            token: format!("{}{}", TenantId::new().uuid().simple(), &token[32..]),
            ..right.clone()
        },
        changed(|call| call.body = br#"{"order": 9}"#.to_vec().into()),
        changed(|call| call.webhook_id = "other".to_owned()),
        changed(|call| call.webhook_id = String::new()),
        changed(|call| call.webhook_signature = String::new()),
        changed(|call| call.webhook_timestamp = String::new()),
        call(&hook.path, &paused.secret, "m", now(), BODY),
        call(&hook.path, &hook.secret, "m", now() - 400, BODY),
        call(&hook.path, &hook.secret, "m", now() + 400, BODY),
        call(&hook.path, &hook.secret, &"m".repeat(256), now(), BODY),
        call(&paused.path, &paused.secret, "m", now(), BODY),
        call(&rotated.path, &rotated.secret, "m", now(), BODY),
        call(&rotated.path, &fresh.secret, "m", now(), BODY),
        call(&fresh.path, &rotated.secret, "m", now(), BODY),
    ];
    let mut answers = Vec::new();
    for call in refused {
        let status = tonic::Status::from(receive(&bench, call).await.unwrap_err());
        answers.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    assert_eq!(answers[0].0, tonic::Code::NotFound);
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.hook_calls").await, 0);

    receive(&bench, right).await.unwrap();
    receive(&bench, call(&fresh.path, &fresh.secret, "m", now(), BODY)).await.unwrap();
    let large = format!(r#"{{"a": "{}"}}"#, "x".repeat(64 << 10));
    for body in ["", "[]", "7", "{", large.as_str()] {
        let error = receive(&bench, call(&hook.path, &hook.secret, "n", now(), body)).await.unwrap_err();
        assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, "body"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_lie_sealed_and_a_signed_in_stranger_calls_as_the_holder_of_the_key() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let hook = create(&bench, &WorkflowId::new().to_string()).await;
    let row: String = bench.ask("SELECT row_to_json(h)::text FROM orchestration.hooks AS h").await;
    let key: String =
        WebhookKey::parse(&hook.secret).unwrap().bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!row.contains(&key) && !row.contains(&hook.path[20..]), "{row}");
    let message = call(&hook.path, &hook.secret, "m", now(), BODY);
    let stranger = bench.request_of(TenantId::new(), message);
    hooks(&bench).receive_hook(stranger).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_hook_gets_what_a_random_id_gets() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = WorkflowId::new();
    let hook = create(&bench, &workflow.to_string()).await.hook.unwrap();
    let outsider = bench.person(UserId::new(), "member", &[]);
    let viewer = bench.person(UserId::new(), "member", &[(ObjectKind::Workflow, workflow.uuid(), Level::View)]);
    let see = |id: String| async {
        error_of(hooks(&bench).get_hook(request_with(&outsider, pb::GetHookRequest { hook_id: id })).await)
    };
    let (hidden, random) = (see(hook.id.clone()).await, see(HookId::new().to_string()).await);
    assert_eq!(hidden.reason(), "HOOK_NOT_FOUND");
    assert_eq!(tonic::Status::from(hidden).details(), tonic::Status::from(random).details());
    let rotate = pb::RotateHookRequest { hook_id: hook.id.clone() };
    let refused = error_of(hooks(&bench).rotate_hook(request_with(&viewer, rotate)).await);
    assert_eq!(refused.code(), Code::PermissionDenied);
    for (token, count) in [(&outsider, 0), (&viewer, 1)] {
        let message = pb::ListHooksRequest::default();
        let listed = hooks(&bench).list_hooks(request_with(token, message)).await.unwrap().into_inner();
        assert_eq!(listed.hooks.len(), count);
    }
    let message = pb::DeleteHookRequest { hook_id: hook.id.clone() };
    hooks(&bench).delete_hook(bench.request(message)).await.unwrap();
    let message = pb::GetHookRequest { hook_id: hook.id };
    assert_eq!(error_of(hooks(&bench).get_hook(bench.request(message)).await).code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_turned_away_until_runs_have_started() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let hook = create(&bench, &WorkflowId::new().to_string()).await;
    let waiting = "INSERT INTO orchestration.starts (tenant_id, id, workflow_id, project_id, context, trigger, created_by, hook_id, open)
        SELECT tenant_id, gen_random_uuid(), workflow_id, project_id, '{}', 'webhook', created_by, id, false
        FROM orchestration.hooks, generate_series(1, 1000)";
    bench.sql(waiting).await;
    let call = call(&hook.path, &hook.secret, "m", now(), BODY);
    let error = receive(&bench, call.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::ResourceExhausted, "TOO_MANY_RUNS_WAIT"));
    bench.sql("DELETE FROM orchestration.starts").await;
    receive(&bench, call).await.unwrap();
}
