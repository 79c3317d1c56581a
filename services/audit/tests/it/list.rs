//! The trail in pages, newest first.

use tonic::Code;
use trinity_ids::TenantId;
use trinity_proto::Timestamp;
use trinity_proto::audit as pb;

use crate::stand::{NOW, Stand, event, field};

fn sequences(answer: &pb::ListEventsResponse) -> Vec<u64> {
    answer.events.iter().map(|event| event.sequence).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_also_while_the_chain_grows() {
    let stand = Stand::new().await;
    stand.append_many(5).await;
    let request =
        |page_token: String| pb::ListEventsRequest { per_page: 2, page_token, ..pb::ListEventsRequest::default() };
    let first = stand.list(request(String::new())).await.unwrap();
    assert_eq!(sequences(&first), [5, 4]);
    let info = first.page.unwrap();
    assert_eq!((info.per_page, info.page, info.total), (2, None, None));
    stand.append(vec![event(stand.tenant, 6)]).await.unwrap();
    let second = stand.list(request(info.next_page_token)).await.unwrap();
    assert_eq!(sequences(&second), [3, 2]);
    let last = stand.list(request(second.page.unwrap().next_page_token)).await.unwrap();
    assert_eq!((sequences(&last), last.page.unwrap().next_page_token), (vec![1], String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_keep_what_they_say() {
    let stand = Stand::new().await;
    stand.append_many(6).await;
    let at = |n: i64| Some(Timestamp { seconds: NOW + n, nanos: 123_456_000 });
    let none = pb::ListEventsRequest::default;
    let cases = [
        (pb::ListEventsRequest { action: "project.create".into(), ..none() }, vec![5, 3, 1]),
        (pb::ListEventsRequest { actor_id: "actor-0".into(), ..none() }, vec![6, 3]),
        (pb::ListEventsRequest { object_id: "object-4".into(), ..none() }, vec![4]),
        (pb::ListEventsRequest { object_type: "dataset".into(), ..none() }, vec![]),
        (pb::ListEventsRequest { from: at(2), to: at(4), ..none() }, vec![3, 2]),
        (pb::ListEventsRequest { action: "project.create".into(), actor_id: "actor-0".into(), ..none() }, vec![3]),
    ];
    for (request, expected) in cases {
        assert_eq!(sequences(&stand.list(request).await.unwrap()), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_list_or_tenant_is_refused() {
    let stand = Stand::new().await;
    let other = TenantId::new();
    stand.append_many(5).await;
    stand.append((1..=5).map(|n| event(other, n)).collect()).await.unwrap();
    let request =
        pb::ListEventsRequest { per_page: 1, action: "project.create".into(), ..pb::ListEventsRequest::default() };
    let token = stand.list(request.clone()).await.unwrap().page.unwrap().next_page_token;
    let follow = pb::ListEventsRequest { page_token: token.clone(), ..request };
    assert_eq!(sequences(&stand.list(follow.clone()).await.unwrap()), [3]);

    let foreign = stand.says(other, "admin", follow.clone());
    let mut forged = token.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let refused = [
        stand.client().list_events(foreign).await.unwrap_err(),
        stand.list(pb::ListEventsRequest { action: "project.update".into(), ..follow.clone() }).await.unwrap_err(),
        stand.list(pb::ListEventsRequest { from: Some(Timestamp::default()), ..follow.clone() }).await.unwrap_err(),
        stand
            .list(pb::ListEventsRequest { page_token: String::from_utf8(forged).unwrap(), ..follow.clone() })
            .await
            .unwrap_err(),
        stand.list(pb::ListEventsRequest { page_token: "2".into(), ..follow }).await.unwrap_err(),
    ];
    for status in refused {
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "page_token"));
    }
    let many = pb::ListEventsRequest { per_page: 201, ..pb::ListEventsRequest::default() };
    assert_eq!(field(&stand.list(many).await.unwrap_err()), "per_page");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own_trail_alone() {
    let stand = Stand::new().await;
    let other = TenantId::new();
    stand.append((1..=3).map(|n| event(other, n)).collect()).await.unwrap();
    stand.append_many(1).await;
    let mine = stand.list(pb::ListEventsRequest::default()).await.unwrap();
    assert_eq!(sequences(&mine), [1]);
    assert_eq!(stand.verify().await.events, 1);
}
