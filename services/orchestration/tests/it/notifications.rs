//! Notifications: who is told how a run ended, in the application, by webhook and by mail.

use trinity_crypto::WebhookKey;
use trinity_error::{Code, Error};
use trinity_ids::{TenantId, UserId, WorkflowId};
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::notification_service_client::NotificationServiceClient;
use trinity_rpc::Channel;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE, Worker, request_with};
use crate::peers::{sub_workflow, task};
use crate::receiver::Receiver;

const LEASE_MS: u32 = 60_000;

fn told(bench: &Bench) -> NotificationServiceClient<Channel> {
    NotificationServiceClient::new(bench.channel())
}

/// A bench whose webhooks may reach this machine.
async fn open_bench() -> Bench {
    let bench = Bench::with(5, LEASE_MS, |config| config.egress_allow = "127.0.0.0/8".to_owned()).await;
    let mut once = task("a", &[]);
    once.max_attempts = 1;
    bench.plan(vec![once]);
    bench
}

fn notify(bench: &Bench, document: &str) {
    document.clone_into(&mut bench.peers.notifications.lock().unwrap());
}

/// Runs a workflow to its end.
async fn end(bench: &Bench, worker: &mut Worker, fail: bool) -> String {
    let run = bench.execute().await;
    let next = worker.task().await;
    let status = if fail { pb::RunStatus::Failed } else { pb::RunStatus::Succeeded };
    if fail {
        worker.fail(&next, false);
    } else {
        worker.complete(&next);
    }
    bench.ended(&run, status).await;
    run
}

async fn list(bench: &Bench, token: &str, unread: bool) -> Vec<pb::Notification> {
    let message = pb::ListNotificationsRequest { unread, ..Default::default() };
    told(bench).list_notifications(request_with(token, message)).await.unwrap().into_inner().notifications
}

async fn target(bench: &Bench, token: &str, name: &str, url: &str) -> pb::CreateWebhookTargetResponse {
    let message = pb::CreateWebhookTargetRequest { name: name.to_owned(), url: url.to_owned() };
    told(bench).create_webhook_target(request_with(token, message)).await.unwrap().into_inner()
}

async fn deliveries(bench: &Bench, token: &str, target: &str) -> Vec<pb::WebhookDelivery> {
    let message = pb::ListWebhookDeliveriesRequest { target_id: target.to_owned(), ..Default::default() };
    told(bench).list_webhook_deliveries(request_with(token, message)).await.unwrap().into_inner().deliveries
}

/// Waits until the one delivery to a target has this status after so many attempts.
async fn delivery(bench: &Bench, token: &str, target: &str, status: &str, attempts: u32) -> pb::WebhookDelivery {
    eventually(DEADLINE, "the delivery", || async {
        let found = deliveries(bench, token, target).await;
        assert!(found.len() <= 1, "{found:?}");
        found.into_iter().next().filter(|one| one.status == status && one.attempts == attempts)
    })
    .await
}

fn error_of<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Error {
    Error::from(answer.map(|_| ()).unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_responsible_is_told_of_failures_and_marks_them_as_read() {
    let bench = open_bench().await;
    notify(&bench, "{}");
    let mut worker = bench.worker(1).await;
    end(&bench, &mut worker, false).await;
    let failed = [end(&bench, &mut worker, true).await, end(&bench, &mut worker, true).await];
    let me = bench.person(bench.user, "editor", &[]);
    let mine = list(&bench, &me, false).await;
    let runs: Vec<_> = mine.iter().rev().map(|one| one.run_id.clone()).collect();
    assert_eq!(runs, failed);
    assert_eq!((mine[0].kind.as_str(), mine[0].title.as_str()), ("run.failed", "nightly failed"));
    assert_eq!(mine[0].message, "a failed with BAD: it is bad");

    let other = bench.person(UserId::new(), "owner", &[]);
    assert_eq!(list(&bench, &other, false).await, []);
    let (bench, told) = (&bench, &told(&bench));
    let read = |token: String, ids: Vec<String>| async move {
        let message = pb::ReadNotificationsRequest { ids };
        told.clone().read_notifications(request_with(&token, message)).await.unwrap().into_inner().read
    };
    assert_eq!(read(other, vec![mine[0].id.clone()]).await, 0, "another's are not his");
    assert_eq!(read(me.clone(), vec![mine[0].id.clone()]).await, 1);
    assert_eq!(list(bench, &me, true).await.len(), 1);
    assert_eq!((read(me.clone(), Vec::new()).await, read(me.clone(), Vec::new()).await), (1, 0));
    assert!(list(bench, &me, false).await.iter().all(|one| one.read_at.is_some()));
    let message = pb::ListNotificationsRequest { per_page: 1, ..Default::default() };
    let page = told.clone().list_notifications(request_with(&me, message)).await.unwrap().into_inner();
    let message = pb::ListNotificationsRequest {
        per_page: 1,
        page_token: page.page.unwrap().next_page_token,
        ..Default::default()
    };
    let next = told.clone().list_notifications(request_with(&me, message)).await.unwrap().into_inner();
    assert_eq!(
        (next.notifications[0].run_id.as_str(), next.page.unwrap().next_page_token),
        (failed[0].as_str(), String::new())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_below_another_tells_only_if_its_own_workflow_asks() {
    let bench = open_bench().await;
    let child = bench.workflow(vec![task("c", &[])]);
    bench.plan(vec![sub_workflow("a", &[], &child, "")]);
    let me = bench.person(bench.user, "editor", &[]);
    let mut worker = bench.worker(1).await;
    for (document, told) in [("{}", 1), (r#"{"on_failure": {"in_app": false}}"#, 1), (r#"{"on_failure": {}}"#, 3)] {
        notify(&bench, document);
        let run = bench.execute().await;
        let next = worker.task().await;
        worker.fail(&next, false);
        bench.ended(&run, pb::RunStatus::Failed).await;
        assert_eq!(list(&bench, &me, false).await.len(), told, "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_arrives_signed_and_is_tried_again_until_it_does() {
    let bench = open_bench().await;
    let owner = bench.person(UserId::new(), "owner", &[]);
    let receiver = Receiver::start(&[500, 302]).await;
    let made = target(&bench, &owner, "pager", &receiver.url).await;
    let id = made.target.unwrap().id;
    let colleague = UserId::new();
    notify(&bench, &format!(r#"{{"on_success": {{"in_app": ["{colleague}"], "webhooks": ["{id}", "{id}"]}}}}"#));
    let mut worker = bench.worker(1).await;
    let run = end(&bench, &mut worker, false).await;
    for (attempt, status) in [(1, 500), (2, 302)] {
        let waiting = eventually(DEADLINE, "the answer", || async {
            let now = deliveries(&bench, &owner, &id).await.pop()?;
            (now.attempts == attempt && now.response_status == Some(status)).then_some(now)
        })
        .await;
        assert_eq!((waiting.status.as_str(), waiting.error), ("waiting", format!("answered {status}")));
        assert!(waiting.next_attempt_at.is_some());
        bench.sql("UPDATE orchestration.deliveries SET next_attempt_at = now()").await;
    }
    let done = delivery(&bench, &owner, &id, "delivered", 3).await;
    assert_eq!((done.response_status, done.error.as_str(), done.next_attempt_at), (Some(200), "", None));

    let posts = receiver.posts();
    assert_eq!(posts.len(), 3);
    let key = WebhookKey::parse(&made.secret).unwrap();
    for post in &posts {
        let (id, time) = (post.header("webhook-id"), post.header("webhook-timestamp"));
        assert_eq!((id, post.header("content-type")), (done.id.as_str(), "application/json"));
        assert!(key.verify(id, time, post.header("webhook-signature"), post.body.as_bytes(), time.parse().unwrap()));
        assert_eq!(post.body, posts[0].body);
    }
    let event: serde_json::Value = serde_json::from_str(&posts[0].body).unwrap();
    assert_eq!((&event["type"], &event["data"]["run_id"]), (&"run.succeeded".into(), &run.as_str().into()));
    assert_eq!((&event["data"]["status"], &event["data"]["name"]), (&"succeeded".into(), &"nightly".into()));
    let colleague = bench.person(colleague, "viewer", &[]);
    assert_eq!(list(&bench, &colleague, false).await[0].kind, "run.succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_given_up_after_a_day_or_when_its_receiver_is_gone() {
    let bench = open_bench().await;
    let owner = bench.person(UserId::new(), "owner", &[]);
    let mut worker = bench.worker(1).await;
    let receiver = Receiver::start(&[503, 503, 410]).await;
    let id = target(&bench, &owner, "pager", &receiver.url).await.target.unwrap().id;
    notify(&bench, &format!(r#"{{"on_failure": {{"webhooks": ["{id}"]}}}}"#));
    end(&bench, &mut worker, true).await;
    eventually(DEADLINE, "the first answer", || async {
        deliveries(&bench, &owner, &id).await.remove(0).response_status
    })
    .await;
    bench
        .sql("UPDATE orchestration.deliveries SET created_at = now() - interval '24 hours', next_attempt_at = now()")
        .await;
    let failed = delivery(&bench, &owner, &id, "failed", 2).await;
    assert_eq!((failed.response_status, failed.error.as_str()), (Some(503), "answered 503"));
    bench.sql("DELETE FROM orchestration.deliveries").await;
    end(&bench, &mut worker, true).await;
    delivery(&bench, &owner, &id, "failed", 1).await;
    assert_eq!(receiver.posts().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_the_inside_are_refused_when_they_are_given_and_when_they_are_called() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut once = task("a", &[]);
    once.max_attempts = 1;
    bench.plan(vec![once]);
    let owner = bench.person(UserId::new(), "owner", &[]);
    for url in [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://10.0.0.1/",
        "ftp://a.example/",
        "",
    ] {
        let message = pb::CreateWebhookTargetRequest { name: "x".to_owned(), url: url.to_owned() };
        let error = error_of(told(&bench).create_webhook_target(request_with(&owner, message)).await);
        assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, "url"), "{url}");
    }
    let receiver = Receiver::start(&[]).await;
    let by_name = receiver.url.replace("127.0.0.1", "localhost");
    let id = target(&bench, &owner, "by name", &by_name).await.target.unwrap().id;
    notify(&bench, &format!(r#"{{"on_failure": {{"webhooks": ["{id}"]}}}}"#));
    let mut worker = bench.worker(1).await;
    end(&bench, &mut worker, true).await;
    let failed = delivery(&bench, &owner, &id, "failed", 1).await;
    assert_eq!(
        (failed.response_status, failed.error.as_str()),
        (None, "the address of localhost may not be called from here")
    );
    assert!(receiver.posts().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_through_identity_and_a_target_goes_with_what_waits_for_it() {
    let bench = open_bench().await;
    let owner = bench.person(UserId::new(), "owner", &[]);
    let receiver = Receiver::start(&[500]).await;
    let id = target(&bench, &owner, "pager", &receiver.url).await.target.unwrap().id;
    let unknown = trinity_ids::WebhookTargetId::new();
    let document = format!(r#"{{"on_failure": {{"email": ["a@b.example"], "webhooks": ["{id}", "{unknown}"]}}}}"#);
    notify(&bench, &document);
    let mut worker = bench.worker(1).await;
    let run = end(&bench, &mut worker, true).await;
    let mail = eventually(DEADLINE, "the mail", || async { bench.peers.mails.lock().unwrap().first().cloned() }).await;
    assert_eq!((mail.tenant_id, mail.emails), (bench.tenant.to_string(), vec!["a@b.example".to_owned()]));
    assert_eq!(mail.subject, "nightly failed");
    assert!(mail.text.contains("a failed with BAD: it is bad") && mail.text.contains(&run), "{}", mail.text);

    let taken = pb::CreateWebhookTargetRequest { name: "Pager".to_owned(), url: receiver.url.clone() };
    let error = error_of(told(&bench).create_webhook_target(request_with(&owner, taken)).await);
    assert_eq!(error.reason(), "NAME_TAKEN");
    delivery(&bench, &owner, &id, "waiting", 1).await;
    let delete = || pb::DeleteWebhookTargetRequest { target_id: id.clone() };
    let stranger = bench.request_of(TenantId::new(), delete());
    assert_ne!(error_of(told(&bench).delete_webhook_target(stranger).await).code(), Code::Internal);
    told(&bench).delete_webhook_target(request_with(&owner, delete())).await.unwrap();
    assert_eq!(
        error_of(told(&bench).delete_webhook_target(request_with(&owner, delete())).await).code(),
        Code::NotFound
    );
    let left: i64 = bench.ask("SELECT count(*) FROM orchestration.deliveries WHERE target_id IS NOT NULL").await;
    assert_eq!(left, 0);
    // A target that is gone keeps no run from ending.
    end(&bench, &mut worker, true).await;
    let message = pb::ExecuteWorkflowRequest { workflow_id: WorkflowId::new().to_string(), ..Default::default() };
    bench.runs().execute_workflow(bench.request(message)).await.unwrap();
}
