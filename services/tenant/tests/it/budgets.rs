//! Budgets and their alerts.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::tenant::{
    Budget, DeleteBudgetRequest, ListBudgetsRequest, Metric, SetBudgetRequest, Tenant, UsageEntry,
};

use crate::stack::{Stack, actions, field, reason};
use crate::usage::entry;

impl Stack {
    async fn set_budget(&self, tenant: &Tenant, amount: u64, percents: &[u32]) -> Result<Budget, Status> {
        let request = SetBudgetRequest {
            metric: Metric::Requests.into(),
            monthly_amount: amount,
            alert_percents: percents.to_vec(),
        };
        let answer = self.plans().set_budget(self.by_owner(tenant, request)).await?;
        Ok(answer.into_inner().budget.unwrap())
    }

    async fn budgets(&self, tenant: &Tenant) -> Vec<Budget> {
        let request = self.by(tenant, "admin", ListBudgetsRequest {});
        self.plans().list_budgets(request).await.unwrap().into_inner().budgets
    }

    /// The percentages of the alerts that stand in the tenant's trail.
    async fn alerts(&self, tenant: &Tenant) -> Vec<u64> {
        let events = self.events(tenant).await;
        let alerts = events.iter().filter(|(action, ..)| action == "budget.alert");
        let percent = |after: &Option<String>| {
            let document: serde_json::Value = serde_json::from_str(after.as_ref().unwrap()).unwrap();
            document["percent"].as_u64().unwrap()
        };
        alerts.map(|(_, _, after)| percent(after)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_percentage_is_told_once_a_month() {
    let stack = Stack::start().await;
    let (tenant, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    let set = stack.set_budget(&tenant, 100, &[]).await.unwrap();
    assert_eq!((set.alert_percents, set.used, set.alerted_percent), (vec![80, 100], 0, 0));
    stack.set_budget(&other, 1000, &[]).await.unwrap();
    for (batch, amount, told) in [("a", 79, vec![]), ("b", 1, vec![80]), ("c", 5, vec![80]), ("d", 40, vec![80, 100])] {
        let entries = vec![entry(&tenant, Metric::Requests, amount), entry(&other, Metric::Requests, amount)];
        stack.record(batch, entries.clone()).await.unwrap();
        stack.record(batch, entries).await.unwrap();
        assert_eq!(stack.alerts(&tenant).await, told, "{batch}");
    }
    assert!(stack.alerts(&other).await.is_empty());
    let budgets = stack.budgets(&tenant).await;
    assert_eq!((budgets[0].used, budgets[0].alerted_percent), (125, 100));

    let raised = stack.set_budget(&tenant, 1000, &[10, 90]).await.unwrap();
    assert_eq!((raised.used, raised.alerted_percent), (125, 100));
    stack.record("e", vec![entry(&tenant, Metric::Requests, 0)]).await.unwrap();
    assert_eq!(stack.alerts(&tenant).await, [80, 100, 10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_month_is_told_anew_and_levels_count_by_their_peak() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    stack.set_budget(&tenant, 10, &[100]).await.unwrap();
    let seats = SetBudgetRequest { metric: Metric::Seats.into(), monthly_amount: 5, alert_percents: vec![100] };
    stack.plans().set_budget(stack.by_owner(&tenant, seats)).await.unwrap();
    let on = |day: &str, metric, amount| UsageEntry { day: day.to_owned(), ..entry(&tenant, metric, amount) };
    stack
        .record("a", vec![on("2026-01-31", Metric::Requests, 6), on("2026-02-01", Metric::Requests, 6)])
        .await
        .unwrap();
    assert!(stack.alerts(&tenant).await.is_empty(), "the two days are of two months");
    stack.record("b", vec![on("2026-01-01", Metric::Requests, 4)]).await.unwrap();
    stack.record("c", vec![on("2026-02-28", Metric::Requests, 4), on("2026-02-02", Metric::Seats, 3)]).await.unwrap();
    assert_eq!(stack.alerts(&tenant).await, [100, 100]);
    stack.record("d", vec![on("2026-02-03", Metric::Seats, 4)]).await.unwrap();
    assert_eq!(stack.alerts(&tenant).await.len(), 2, "three and four seats are four, not seven");
    stack.record("e", vec![on("2026-02-04", Metric::Seats, 5)]).await.unwrap();
    assert_eq!(stack.alerts(&tenant).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_reach_a_percentage_together_tell_it_once() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    stack.set_budget(&tenant, 40, &[50, 100]).await.unwrap();
    // Each on a day of its own, so that nothing but the budget makes them wait for each other.
    let batches = (1..=20).map(|day| {
        let entry = UsageEntry { day: format!("2026-03-{day:02}"), ..entry(&tenant, Metric::Requests, 2) };
        let stack = &stack;
        async move { stack.record(&format!("batch-{day}"), vec![entry]).await }
    });
    assert!(join_all(batches).await.iter().all(Result::is_ok));
    assert_eq!(stack.alerts(&tenant).await, [50, 100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budgets_are_set_seen_and_deleted_by_their_tenant_alone() {
    let stack = Stack::start().await;
    let (tenant, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    for _ in 0..2 {
        stack.set_budget(&tenant, 100, &[90, 50, 90]).await.unwrap();
    }
    assert_eq!(stack.budgets(&tenant).await[0].alert_percents, [50, 90]);
    assert!(stack.budgets(&other).await.is_empty());
    let delete = || DeleteBudgetRequest { metric: Metric::Requests.into() };
    let foreign = stack.plans().delete_budget(stack.by_owner(&other, delete())).await.unwrap_err();
    assert_eq!((foreign.code(), reason(&foreign).as_str()), (Code::NotFound, "BUDGET_NOT_FOUND"));
    let editor = stack.plans().delete_budget(stack.by(&tenant, "editor", delete())).await.unwrap_err();
    assert_eq!(editor.code(), Code::PermissionDenied);
    stack.plans().delete_budget(stack.by_owner(&tenant, delete())).await.unwrap();
    assert!(stack.budgets(&tenant).await.is_empty());
    assert_eq!(actions(&stack.events(&tenant).await), ["tenant.create", "budget.set", "budget.delete"]);

    assert_eq!(field(&stack.set_budget(&tenant, 0, &[]).await.unwrap_err()), "monthly_amount");
    assert_eq!(field(&stack.set_budget(&tenant, u64::MAX, &[]).await.unwrap_err()), "monthly_amount");
    assert_eq!(field(&stack.set_budget(&tenant, 1, &[80, 1001]).await.unwrap_err()), "alert_percents[1]");
    let nothing = SetBudgetRequest { monthly_amount: 1, ..SetBudgetRequest::default() };
    let status = stack.plans().set_budget(stack.by_owner(&tenant, nothing)).await.unwrap_err();
    assert_eq!(field(&status), "metric");
}
