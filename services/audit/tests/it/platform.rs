//! The installation's own trail: the nil tenant's, for staff alone.

use tonic::Code;
use trinity_ids::TenantId;
use trinity_proto::audit as pb;

use crate::stand::{Stand, event, field};

impl Stand {
    async fn list_platform(&self, request: pb::ListPlatformEventsRequest) -> Result<(Vec<u64>, String), tonic::Status> {
        let answer = self.platform().list_platform_events(self.staff_says(request)).await?.into_inner();
        let sequences = answer.events.iter().map(|event| event.sequence).collect();
        Ok((sequences, answer.page.unwrap().next_page_token))
    }

    async fn verify_platform(&self) -> pb::VerifyPlatformChainResponse {
        let request = self.staff_says(pb::VerifyPlatformChainRequest {});
        self.platform().verify_platform_chain(request).await.unwrap().into_inner()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_read_the_installations_trail_and_no_tenants() {
    let stand = Stand::new().await;
    stand.append_many(2).await;
    stand.append((1..=5).map(|n| event(TenantId::NIL, n)).collect()).await.unwrap();
    let request = |page_token| pb::ListPlatformEventsRequest { per_page: 3, page_token, ..Default::default() };
    let (first, token) = stand.list_platform(request(String::new())).await.unwrap();
    assert_eq!((first, stand.list_platform(request(token.clone())).await.unwrap().0), (vec![5, 4, 3], vec![2, 1]));
    let some = pb::ListPlatformEventsRequest { action: "project.create".to_owned(), ..Default::default() };
    assert_eq!(stand.list_platform(some.clone()).await.unwrap().0, [5, 3, 1]);
    let other_list = pb::ListPlatformEventsRequest { page_token: token.clone(), ..some };
    assert_eq!(field(&stand.list_platform(other_list).await.unwrap_err()), "page_token");
    let tenants = pb::ListEventsRequest { per_page: 3, page_token: token, ..Default::default() };
    assert_eq!(field(&stand.list(tenants).await.unwrap_err()), "page_token");

    let verified = stand.verify_platform().await;
    assert_eq!((verified.valid, verified.events, verified.problem), (true, 5, None));
    assert_eq!(stand.verify().await.events, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_installations_trail_is_found() {
    let stand = Stand::new().await;
    stand.append((1..=3).map(|n| event(TenantId::NIL, n)).collect()).await.unwrap();
    let mut intruder = stand.intruder().await;
    let altered = sqlx::query("UPDATE events SET object_name = 'else' WHERE tenant_id = $1 AND sequence = 2")
        .bind(TenantId::NIL)
        .execute(&mut intruder)
        .await
        .unwrap();
    assert_eq!(altered.rows_affected(), 1);
    let verified = stand.verify_platform().await;
    assert_eq!((verified.valid, verified.first_bad_sequence), (false, Some(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_staff_reads_the_installations_trail() {
    let stand = Stand::new().await;
    stand.append(vec![event(TenantId::NIL, 1)]).await.unwrap();
    let list = pb::ListPlatformEventsRequest::default;
    let owner = stand.says(stand.tenant, "owner", list());
    // Who were signed in to the nil tenant, which nobody is, would still not be staff.
    let nil = stand.says(TenantId::NIL, "owner", list());
    for request in [owner, nil, stand.service_says(list())] {
        let refused = stand.platform().list_platform_events(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let verify = stand.says(stand.tenant, "owner", pb::VerifyPlatformChainRequest {});
    assert_eq!(stand.platform().verify_platform_chain(verify).await.unwrap_err().code(), Code::PermissionDenied);
    let anonymous = stand.platform().list_platform_events(list()).await.unwrap_err();
    assert_eq!(anonymous.code(), Code::Unauthenticated);
    let staff = stand.staff_says(pb::ListEventsRequest::default());
    assert_eq!(stand.client().list_events(staff).await.unwrap_err().code(), Code::PermissionDenied);
}
