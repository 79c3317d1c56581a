//! Row-level security as the serving role meets it.

use sqlx::{Connection, PgConnection};
use trinity_proto::tenant::{
    CreateTenantRequest, Metric, SetBudgetRequest, SetFlagDefaultRequest, SetTenantFlagRequest, Tenant,
};

use crate::stack::Stack;
use crate::usage::entry;

/// Every table of tenants.
const TABLES: [&str; 8] =
    ["tenants", "domains", "subscriptions", "tenant_flags", "usage", "budgets", "budget_alerts", "outbox"];

impl Stack {
    /// Gives the tenant a row in each table.
    async fn fill(&self, tenant: &Tenant) {
        let flag = SetFlagDefaultRequest { name: "beta".to_owned(), ..SetFlagDefaultRequest::default() };
        self.plans().set_flag_default(self.by_staff(flag)).await.unwrap();
        let own = SetTenantFlagRequest { tenant_id: tenant.id.clone(), name: "beta".to_owned(), enabled: Some(true) };
        self.plans().set_tenant_flag(self.by_staff(own)).await.unwrap();
        let budget = SetBudgetRequest { metric: Metric::Runs.into(), monthly_amount: 1, ..SetBudgetRequest::default() };
        self.plans().set_budget(self.by_owner(tenant, budget)).await.unwrap();
        self.record(&tenant.slug, vec![entry(tenant, Metric::Runs, 1)]).await.unwrap();
    }
}

/// The SQLSTATE of a refusal: 42501, `insufficient_privilege`, is also what a policy answers.
fn state(outcome: Result<sqlx::postgres::PgQueryResult, sqlx::Error>) -> String {
    outcome.unwrap_err().as_database_error().unwrap().code().unwrap().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_context_reaches_nothing_of_another() {
    let stack = Stack::start().await;
    let made = |slug: &str| CreateTenantRequest {
        name: slug.to_owned(),
        slug: slug.to_owned(),
        domains: vec![format!("{slug}.example")],
        ..Default::default()
    };
    let one = stack.create(made("one")).await.unwrap();
    let two = stack.create(made("two")).await.unwrap();
    for tenant in [&one, &two] {
        stack.fill(tenant).await;
    }
    let mut serving = PgConnection::connect(stack.db.url()).await.unwrap();

    for table in TABLES {
        let count = format!("SELECT count(*) FROM {table}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count)).fetch_one(&mut serving).await.unwrap();
        assert_eq!(seen, 0, "{table} without a context");
    }

    sqlx::query("SELECT set_config('app.tenant_id', $1, false)").bind(&one.id).execute(&mut serving).await.unwrap();
    for table in TABLES {
        let ids = format!("SELECT DISTINCT tenant_id::text FROM {table}");
        let seen: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(ids)).fetch_all(&mut serving).await.unwrap();
        assert_eq!(seen, [one.id.as_str()], "{table}");
    }
    let update = sqlx::query("UPDATE tenants SET name = 'taken over' WHERE tenant_id = $1::uuid").bind(&two.id);
    assert_eq!(update.execute(&mut serving).await.unwrap().rows_affected(), 0);
    let insert = sqlx::query("INSERT INTO domains (tenant_id, domain) VALUES ($1::uuid, 'x.example')").bind(&two.id);
    assert_eq!(state(insert.execute(&mut serving).await), "42501");
    let moved = sqlx::query("UPDATE domains SET tenant_id = $1::uuid").bind(&two.id);
    assert_eq!(state(moved.execute(&mut serving).await), "42501");
    for table in ["tenants", "subscriptions", "usage", "plans", "flags"] {
        let delete = sqlx::AssertSqlSafe(format!("DELETE FROM {table}"));
        assert_eq!(state(sqlx::query(delete).execute(&mut serving).await), "42501", "{table}");
    }
}
