//! Counting what tenants use.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::tenant::{GetUsageRequest, Metric, RecordUsageRequest, Tenant, UsageDay, UsageEntry};

use crate::stack::{Stack, field};

impl Stack {
    pub async fn record(&self, batch_id: &str, entries: Vec<UsageEntry>) -> Result<(), Status> {
        let request = RecordUsageRequest { batch_id: batch_id.to_owned(), entries };
        self.plans().record_usage(self.by_service(request)).await.map(|_| ())
    }

    pub async fn usage(&self, tenant: &Tenant, from: &str, to: &str) -> Result<Vec<UsageDay>, Status> {
        let request = GetUsageRequest { from: from.to_owned(), to: to.to_owned() };
        Ok(self.plans().get_usage(self.by(tenant, "admin", request)).await?.into_inner().days)
    }

    /// What the tenant used today.
    async fn today(&self, tenant: &Tenant) -> UsageDay {
        self.usage(tenant, "", "").await.unwrap().pop().unwrap()
    }
}

/// An entry of today (UTC).
pub fn entry(tenant: &Tenant, metric: Metric, amount: u64) -> UsageEntry {
    let day = chrono::Utc::now().date_naive().to_string();
    UsageEntry { tenant_id: tenant.id.clone(), day, metric: metric.into(), amount }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_add_up_and_levels_keep_their_peak() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    let first = vec![
        entry(&one, Metric::Requests, 10),
        entry(&two, Metric::Requests, 1),
        entry(&one, Metric::TaskSeconds, 5),
        entry(&one, Metric::StorageBytes, 1 << 40),
        entry(&one, Metric::Seats, 4),
    ];
    let second = vec![
        entry(&one, Metric::Requests, 7),
        entry(&one, Metric::Runs, 2),
        entry(&one, Metric::StorageBytes, 1 << 30),
        entry(&one, Metric::Seats, 6),
    ];
    stack.record("first", first).await.unwrap();
    stack.record("second", second).await.unwrap();
    let day = stack.today(&one).await;
    assert_eq!((day.requests, day.runs, day.task_seconds), (17, 2, 5));
    assert_eq!((day.storage_bytes, day.seats), (1 << 40, 6));
    assert_eq!(stack.today(&two).await.requests, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_counts_once_however_often_it_comes() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let send = || stack.record("the same", vec![entry(&tenant, Metric::Requests, 10)]);
    assert!(join_all((0..20).map(|_| send())).await.iter().all(Result::is_ok));
    assert_eq!(stack.today(&tenant).await.requests, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_batches_at_once_lose_nothing() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    let names: Vec<_> = (0..40).map(|number| format!("batch-{number}")).collect();
    let batches = names.iter().enumerate().map(|(number, name)| {
        let mut entries = vec![entry(&one, Metric::Runs, 3), entry(&two, Metric::Runs, 5)];
        if number % 2 == 1 {
            entries.reverse();
        }
        stack.record(name, entries)
    });
    assert!(join_all(batches).await.iter().all(Result::is_ok));
    assert_eq!((stack.today(&one).await.runs, stack.today(&two).await.runs), (120, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_that_are_gone_are_passed_over() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let gone = Tenant { id: trinity_ids::TenantId::new().into(), ..Tenant::default() };
    let entries = vec![entry(&gone, Metric::Runs, 3), entry(&tenant, Metric::Runs, 5)];
    stack.record("batch", entries).await.unwrap();
    assert_eq!(stack.today(&tenant).await.runs, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_entries_are_named_and_nothing_is_counted() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme").await;
    let good = entry(&tenant, Metric::Runs, 1);
    let faults = [
        ("entries[1].tenant_id", UsageEntry { tenant_id: "7".to_owned(), ..good.clone() }),
        ("entries[1].day", UsageEntry { day: "yesterday".to_owned(), ..good.clone() }),
        ("entries[1].metric", UsageEntry { metric: 0, ..good.clone() }),
        ("entries[1].metric", UsageEntry { metric: 99, ..good.clone() }),
        ("entries[1].amount", UsageEntry { amount: u64::MAX, ..good.clone() }),
    ];
    for (name, bad) in faults {
        let status = stack.record("batch", vec![good.clone(), bad]).await.unwrap_err();
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, name));
    }
    assert_eq!(field(&stack.record("", vec![good.clone()]).await.unwrap_err()), "batch_id");
    assert_eq!(stack.today(&tenant).await.runs, 0);
    stack.record("batch", vec![good.clone()]).await.unwrap();
    assert_eq!(stack.today(&tenant).await.runs, 1, "a refused batch is not remembered");
    let request = RecordUsageRequest { batch_id: "mine".to_owned(), entries: vec![good] };
    let refused = stack.plans().record_usage(stack.by_owner(&tenant, request)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_day_of_the_range_is_shown_to_those_who_may_see_it() {
    let stack = Stack::start().await;
    let (tenant, other) = (stack.tenant("acme").await, stack.tenant("other").await);
    let on = |day: &str, amount| UsageEntry { day: day.to_owned(), ..entry(&tenant, Metric::Requests, amount) };
    stack.record("batch", vec![on("2026-02-27", 1), on("2026-03-01", 3), on("2026-03-02", 9)]).await.unwrap();
    let days = stack.usage(&tenant, "2026-02-27", "2026-03-01").await.unwrap();
    let shown: Vec<_> = days.iter().map(|day| (day.day.as_str(), day.requests)).collect();
    assert_eq!(shown, [("2026-02-27", 1), ("2026-02-28", 0), ("2026-03-01", 3)]);
    assert_eq!(stack.usage(&tenant, "", "").await.unwrap().len(), 30);
    let foreign = stack.usage(&other, "2026-02-27", "2026-03-01").await.unwrap();
    assert!(foreign.iter().all(|day| day.requests == 0));
    for (from, to, name) in [("2026-02-30", "", "from"), ("2026-03-02", "2026-03-01", "to"), ("2020-01-01", "", "from")]
    {
        assert_eq!(field(&stack.usage(&tenant, from, to).await.unwrap_err()), name);
    }
}
