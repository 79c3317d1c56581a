//! Plans and subscriptions, and how soon they act.

use std::time::Duration;

use tonic::{Code, Status};
use trinity_proto::Timestamp;
use trinity_proto::tenant::{
    GetSubscriptionRequest, Limits, ListPlansRequest, SetPlanRequest, SetSubscriptionRequest, Subscription,
    SubscriptionStatus, Tenant, UpdateTenantRequest,
};
use trinity_testkit::eventually;

use crate::stack::{Stack, actions, field, reason};

impl Stack {
    async fn subscribe(&self, request: SetSubscriptionRequest) -> Result<Subscription, Status> {
        let answer = self.plans().set_subscription(self.by_staff(request)).await?;
        Ok(answer.into_inner().subscription.unwrap())
    }

    async fn subscription(&self, tenant: &Tenant) -> Subscription {
        let request = self.by(tenant, "viewer", GetSubscriptionRequest {});
        self.plans().get_subscription(request).await.unwrap().into_inner().subscription.unwrap()
    }
}

fn to(tenant: &Tenant, plan: &str) -> SetSubscriptionRequest {
    SetSubscriptionRequest { tenant_id: tenant.id.clone(), plan: plan.to_owned(), ..SetSubscriptionRequest::default() }
}

/// A time so many milliseconds from now.
fn from_now(milliseconds: i64) -> Option<Timestamp> {
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let at = i64::try_from(at).unwrap() + milliseconds;
    let nanos = i32::try_from(at.rem_euclid(1000)).unwrap() * 1_000_000;
    Some(Timestamp { seconds: at.div_euclid(1000), nanos })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_tenant_has_the_basic_plan_without_end() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let plans = stack.plans().list_plans(stack.by(&tenant, "viewer", ListPlansRequest {})).await.unwrap();
    let plans = plans.into_inner().plans;
    assert_eq!(plans.iter().map(|plan| plan.slug.as_str()).collect::<Vec<_>>(), ["basic", "pro", "enterprise"]);
    let subscription = stack.subscription(&tenant).await;
    assert_eq!((subscription.plan.as_str(), subscription.status()), ("basic", SubscriptionStatus::Active));
    assert_eq!((subscription.ends_at, subscription.limits), (None, plans[0].limits));
    let standing = stack.standing(&tenant).await;
    assert_eq!((standing.writable, standing.limits), (true, plans[0].limits));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_plan_and_a_change_of_it_act_at_once() {
    let stack = Stack::start().await;
    let (tenant, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    let set = stack.subscribe(to(&tenant, "pro")).await.unwrap();
    assert_eq!((stack.standing(&tenant).await.limits, set.plan.as_str()), (set.limits, "pro"));
    assert_ne!(set.limits, stack.standing(&other).await.limits);

    let limits = Limits { seats: 7, storage_bytes: 1 << 50, ..Limits::default() };
    let pro = SetPlanRequest { slug: "pro".to_owned(), name: "Pro 2".to_owned(), limits: Some(limits) };
    for _ in 0..2 {
        let answer = stack.plans().set_plan(stack.by_staff(pro.clone())).await.unwrap().into_inner();
        assert_eq!(answer.plan.unwrap().limits, Some(limits));
    }
    assert_eq!(stack.standing(&tenant).await.limits, Some(limits));
    assert_eq!(stack.subscription(&tenant).await.limits, Some(limits));

    let own = UpdateTenantRequest { tenant_id: tenant.id.clone(), concurrent_tasks: Some(3), ..Default::default() };
    stack.client().update_tenant(stack.by_staff(own)).await.unwrap();
    assert_eq!(stack.standing(&tenant).await.limits.unwrap().concurrent_tasks, 3, "the tenant's own number");

    let events = stack.events(&tenant).await;
    assert_eq!(actions(&events), ["tenant.create", "subscription.set", "tenant.update"]);
    assert!(events[1].1.as_ref().unwrap().contains(r#""plan":"basic""#), "{events:?}");
    let platform = stack.platform_events().await;
    assert_eq!(actions(&platform), ["plan.set"], "once, for it changed once");
    assert!(platform[0].2.as_ref().unwrap().contains(r#""seats":7"#), "{platform:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_has_passed_reads_as_expired_at_once() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let ends_soon = SetSubscriptionRequest { ends_at: from_now(1500), ..to(&tenant, "pro") };
    assert_eq!(stack.subscribe(ends_soon).await.unwrap().status(), SubscriptionStatus::Active);
    assert!(stack.standing(&tenant).await.writable);
    eventually(Duration::from_secs(10), "the end", || async {
        (!stack.standing(&tenant).await.writable).then_some(())
    })
    .await;
    assert_eq!(stack.subscription(&tenant).await.status(), SubscriptionStatus::Expired);

    let renewed = SetSubscriptionRequest { ends_at: from_now(3_600_000), ..to(&tenant, "pro") };
    assert_eq!(stack.subscribe(renewed).await.unwrap().status(), SubscriptionStatus::Active);
    assert!(stack.standing(&tenant).await.writable);
    let ended = SetSubscriptionRequest { ends_at: from_now(-1000), ..to(&tenant, "pro") };
    assert_eq!(stack.subscribe(ended).await.unwrap().status(), SubscriptionStatus::Expired);
    for status in [SubscriptionStatus::Suspended, SubscriptionStatus::Expired] {
        let request = SetSubscriptionRequest { status: status.into(), ..to(&tenant, "pro") };
        assert_eq!(stack.subscribe(request).await.unwrap().status(), status);
        assert!(!stack.standing(&tenant).await.writable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_unknown_or_wrong_is_named() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let nobody = Tenant { id: trinity_ids::TenantId::new().into(), ..Tenant::default() };
    for (request, word) in [(to(&nobody, "pro"), "TENANT_NOT_FOUND"), (to(&tenant, "gold"), "PLAN_NOT_FOUND")] {
        let status = stack.subscribe(request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, word));
    }
    let faults = [
        ("plan", to(&tenant, "")),
        ("status", SetSubscriptionRequest { status: 9, ..to(&tenant, "pro") }),
        (
            "ends_at",
            SetSubscriptionRequest { ends_at: Some(Timestamp { seconds: i64::MAX, nanos: 0 }), ..to(&tenant, "pro") },
        ),
    ];
    for (name, request) in faults {
        assert_eq!(field(&stack.subscribe(request).await.unwrap_err()), name);
    }
    let set = async |slug: &str, name: &str, limits| {
        let request = SetPlanRequest { slug: slug.to_owned(), name: name.to_owned(), limits };
        stack.plans().set_plan(stack.by_staff(request)).await.unwrap_err()
    };
    assert_eq!(reason(&set("gold", "Gold", Some(Limits::default())).await), "PLAN_NOT_FOUND");
    assert_eq!(field(&set("pro", "Pro", None).await), "limits");
    assert_eq!(field(&set("pro", "", Some(Limits::default())).await), "name");
    let huge = Limits { storage_bytes: u64::MAX, ..Limits::default() };
    assert_eq!(field(&set("pro", "Pro", Some(huge)).await), "limits.storage_bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_owner_sets_no_plan() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let subscribe = stack.by_owner(&tenant, to(&tenant, "enterprise"));
    assert_eq!(stack.plans().set_subscription(subscribe).await.unwrap_err().code(), Code::PermissionDenied);
    let plan = SetPlanRequest { slug: "basic".to_owned(), name: "Free".to_owned(), limits: Some(Limits::default()) };
    let status = stack.plans().set_plan(stack.by_owner(&tenant, plan)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert_eq!(stack.subscription(&tenant).await.plan, "basic");
}
