//! Records take their places: once, without gaps, whoever sends them.

use futures::future::join_all;
use tonic::Code;
use trinity_context::RequestContext;
use trinity_ids::TenantId;
use trinity_proto::Timestamp;
use trinity_proto::audit as pb;
use trinity_proto::common::Json;
use trinity_testkit::eventually;

use crate::stand::{LIMIT, NOW, Stand, event, field};

#[tokio::test(flavor = "multi_thread")]
async fn a_record_comes_back_exactly_as_it_was_sent() {
    let stand = Stand::new().await;
    let sent = event(stand.tenant, 1);
    stand.append(vec![sent.clone()]).await.unwrap();
    let listed = stand.list(pb::ListEventsRequest::default()).await.unwrap().events;
    let got = &listed[0];
    assert_eq!((got.sequence, &got.id, &got.action, &got.outcome), (1, &sent.id, &sent.action, &sent.outcome));
    assert_eq!((&got.actor, &got.before, &got.after), (&sent.actor, &sent.before, &sent.after));
    assert_eq!((&got.ip, &got.user_agent, &got.request_id), (&sent.ip, &sent.user_agent, &sent.request_id));
    assert_eq!(got.created_at, Some(Timestamp { seconds: NOW + 1, nanos: 123_456_000 }), "in microseconds");
    let verified = stand.verify().await;
    assert_eq!((verified.valid, verified.events, verified.problem), (true, 1, None));
    assert_eq!(verified.head_hash, got.hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_adds_nothing() {
    let stand = Stand::new().await;
    let first: Vec<_> = (1..=5).map(|n| event(stand.tenant, n)).collect();
    let second: Vec<_> = first[3..].iter().cloned().chain((6..=8).map(|n| event(stand.tenant, n))).collect();
    let twice: Vec<_> = second.iter().chain(&second).cloned().collect();
    for batch in [first.clone(), first, second, twice] {
        stand.append(batch).await.unwrap();
    }
    let objects: Vec<_> = stand.list(pb::ListEventsRequest::default()).await.unwrap().events;
    let objects: Vec<_> = objects.iter().rev().map(|event| (event.sequence, event.object_id.as_str())).collect();
    let expected: Vec<_> = (1..=8).map(|n| (n, format!("object-{n}"))).collect();
    assert_eq!(objects, expected.iter().map(|(n, object)| (*n, object.as_str())).collect::<Vec<_>>());
    assert!(stand.verify().await.valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_senders_at_once_leave_no_gap() {
    let stand = Stand::new().await;
    let other = TenantId::new();
    let batch = |from: u32| {
        (from..from + 100).map(|n| event(if n % 5 == 0 { other } else { stand.tenant }, n)).collect::<Vec<_>>()
    };
    let batches: Vec<_> = (0..24).map(|n| batch(n * 100)).collect();
    // Each batch is sent twice, as two relays that both think that it is theirs would.
    let sent = batches.iter().chain(&batches).map(|events| stand.append(events.clone()));
    assert!(join_all(sent).await.iter().all(Result::is_ok));
    let verified = stand.verify().await;
    assert_eq!((verified.valid, verified.events, verified.problem), (true, 24 * 80, None));
    let mut intruder = stand.intruder().await;
    let checkpoints: i64 = sqlx::query_scalar("SELECT count(*) FROM checkpoints WHERE tenant_id = $1")
        .bind(stand.tenant)
        .fetch_one(&mut intruder)
        .await
        .unwrap();
    assert!(checkpoints >= 20, "{checkpoints}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_named_and_nothing_is_added() {
    let stand = Stand::new().await;
    let good = event(stand.tenant, 1);
    let cases = [
        ("events[1].id", pb::NewEvent { id: "7".into(), ..good.clone() }),
        ("events[1].tenant_id", pb::NewEvent { tenant_id: String::new(), ..good.clone() }),
        ("events[1].action", pb::NewEvent { action: String::new(), ..good.clone() }),
        ("events[1].after", pb::NewEvent { after: Some(Json::new("{")), ..good.clone() }),
        ("events[1].created_at", pb::NewEvent { created_at: None, ..good.clone() }),
        (
            "events[1].created_at",
            pb::NewEvent { created_at: Some(Timestamp { seconds: i64::MAX, nanos: 0 }), ..good.clone() },
        ),
    ];
    for (name, bad) in cases {
        let refused = stand.append(vec![good.clone(), bad]).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, name));
    }
    assert_eq!(stand.verify().await.events, 0);
    let odd = pb::NewEvent { user_agent: "a\0b".into(), ..good };
    stand.append(vec![odd]).await.unwrap();
    assert_eq!(stand.list(pb::ListEventsRequest::default()).await.unwrap().events[0].user_agent, "a\u{fffd}b");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_services_add_and_only_admins_read() {
    let stand = Stand::new().await;
    let add = stand.says(stand.tenant, "owner", pb::AppendBatchRequest { events: vec![event(stand.tenant, 1)] });
    assert_eq!(stand.client().append_batch(add).await.unwrap_err().code(), Code::PermissionDenied);
    let read = stand.says(stand.tenant, "editor", pb::ListEventsRequest::default());
    assert_eq!(stand.client().list_events(read).await.unwrap_err().code(), Code::PermissionDenied);
    let check = stand.says(stand.tenant, "viewer", pb::VerifyChainRequest {});
    assert_eq!(stand.client().verify_chain(check).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_lies_still_gets_its_checkpoint() {
    let stand = Stand::with(1000, 1).await;
    stand.append_many(3).await;
    let db = stand.db.db();
    let ctx = RequestContext::service("test").for_tenant(stand.tenant);
    let sequence = eventually(LIMIT, "a checkpoint", || async {
        let mut tx = db.begin(&ctx).await.unwrap();
        sqlx::query_scalar::<_, i64>("SELECT sequence FROM checkpoints").fetch_optional(&mut *tx).await.unwrap()
    });
    assert_eq!(sequence.await, 3);
    assert!(stand.verify().await.valid);
}
