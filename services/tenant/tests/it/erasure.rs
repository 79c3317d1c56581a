//! Asking for an erasure, and taking it back while there is time.

use std::time::Duration;

use tonic::{Code, Status};
use trinity_proto::tenant::{
    CancelErasureRequest, GetTenantRequest, RequestErasureRequest, ResumeTenantRequest, Tenant, TenantStatus,
};
use trinity_testkit::eventually;

use crate::stack::{Stack, actions, field, reason};

const DAY: i64 = 24 * 3600;

impl Stack {
    async fn request_erasure(&self, tenant: &Tenant, grace_days: u32) -> Result<Tenant, Status> {
        let request =
            RequestErasureRequest { tenant_id: tenant.id.clone(), reason: "contract ended".to_owned(), grace_days };
        Ok(self.client().request_erasure(self.by_staff(request)).await?.into_inner().tenant.unwrap())
    }

    async fn cancel_erasure(&self, tenant: &Tenant) -> Result<Tenant, Status> {
        let request = CancelErasureRequest { tenant_id: tenant.id.clone() };
        Ok(self.client().cancel_erasure(self.by_staff(request)).await?.into_inner().tenant.unwrap())
    }

    async fn resume(&self, tenant: &Tenant) -> Result<Tenant, Status> {
        let request = ResumeTenantRequest { tenant_id: tenant.id.clone() };
        Ok(self.client().resume_tenant(self.by_staff(request)).await?.into_inner().tenant.unwrap())
    }
}

fn refused(answer: Result<Tenant, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), reason(&status))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_suspends_at_once_and_can_be_taken_back() {
    let stack = Stack::start().await;
    let made = stack.tenant("acme").await;
    assert_eq!(refused(stack.cancel_erasure(&made).await), (Code::FailedPrecondition, "NO_ERASURE_REQUESTED".into()));
    let asked = stack.request_erasure(&made, 0).await.unwrap();
    let grace = asked.erase_after.unwrap().seconds - asked.updated_at.unwrap().seconds;
    assert_eq!((asked.status(), grace.div_euclid(DAY - 60)), (TenantStatus::Suspended, 30));
    assert_eq!(stack.standing(&made).await.status(), TenantStatus::Suspended);

    let again = refused(stack.request_erasure(&made, 1).await);
    assert_eq!(again, (Code::FailedPrecondition, "ERASURE_REQUESTED".into()));
    assert_eq!(refused(stack.resume(&made).await), (Code::FailedPrecondition, "ERASURE_REQUESTED".into()));
    let kept = stack.cancel_erasure(&made).await.unwrap();
    assert_eq!((kept.status(), kept.erase_after), (TenantStatus::Suspended, None), "resuming is another decision");
    assert_eq!(stack.resume(&made).await.unwrap().status(), TenantStatus::Active);

    let events = stack.events(&made).await;
    let expected = ["tenant.create", "tenant.request_erasure", "tenant.cancel_erasure", "tenant.resume"];
    assert_eq!(actions(&events), expected);
    assert!(events[1].2.as_ref().unwrap().contains(r#""suspended_reason":"contract ended""#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_needs_a_reason_and_a_sane_grace_period() {
    let stack = Stack::start().await;
    let made = stack.tenant("acme").await;
    let request = RequestErasureRequest { tenant_id: made.id.clone(), reason: " ".to_owned(), grace_days: 1 };
    let status = stack.client().request_erasure(stack.by_staff(request)).await.unwrap_err();
    assert_eq!(field(&status), "reason");
    assert_eq!(field(&stack.request_erasure(&made, 366).await.unwrap_err()), "grace_days");
    assert_eq!(stack.standing(&made).await.status(), TenantStatus::Active);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_grace_period_a_tenant_cannot_be_had_back() {
    let stack = Stack::start().await;
    let (made, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    stack.request_erasure(&made, 1).await.unwrap();
    stack.request_erasure(&other, 1).await.unwrap();
    let past = "UPDATE tenant.tenants SET erase_after = now() - interval '1 second' WHERE slug = 'acme'";
    sqlx::query(past).execute(&mut stack.db.admin().await).await.unwrap();
    for answer in [stack.cancel_erasure(&made).await, stack.resume(&made).await] {
        assert_eq!(refused(answer), (Code::FailedPrecondition, "ERASURE_DUE".into()), "before any job has run");
    }

    let _replica = stack.replica().await;
    eventually(Duration::from_secs(20), "the mark", || async {
        let request = stack.by_staff(GetTenantRequest { tenant_id: made.id.clone() });
        let tenant = stack.client().get_tenant(request).await.unwrap().into_inner().tenant.unwrap();
        (tenant.status() == TenantStatus::Erasing).then_some(())
    })
    .await;
    assert_eq!(stack.standing(&made).await.status(), TenantStatus::Erasing);
    assert_eq!(refused(stack.resume(&made).await), (Code::FailedPrecondition, "ERASURE_DUE".into()));
    assert_eq!(actions(&stack.events(&made).await).last(), Some(&"tenant.erasure_due"));
    assert_eq!(stack.standing(&other).await.status(), TenantStatus::Suspended);
    assert_eq!(stack.cancel_erasure(&other).await.unwrap().erase_after, None);
}
