//! What becomes of tenants that were there before plans.

use sqlx::migrate::Migrator;
use trinity_tenant::MIGRATOR;
use trinity_testkit::TestDb;

/// The last migration before plans.
const BEFORE_PLANS: i64 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_from_before_plans_keep_all_they_had() {
    let old = MIGRATOR.iter().filter(|migration| migration.version <= BEFORE_PLANS).cloned().collect();
    let db = TestDb::new("tenant", &Migrator::with_migrations(old)).await;
    let mut admin = db.admin().await;
    sqlx::raw_sql(
        "INSERT INTO tenant.tenants (tenant_id, name, slug, settings, metadata, allowed_apps, concurrent_tasks, status)
        VALUES
            (gen_random_uuid(), 'Chosen', 'chosen', '{}', '{}', '{}', 9, 'active'),
            (gen_random_uuid(), 'Default', 'default', '{}', '{}', '{}', 5, 'suspended')",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    trinity_db::migrate(db.owner_url(), &MIGRATOR).await.unwrap();
    let found: Vec<(String, String, i32, String, bool)> = sqlx::query_as(
        "SELECT t.slug, t.status, t.concurrent_tasks, s.plan, s.ends_at IS NULL AND s.status = 'active'
        FROM tenant.tenants AS t
        JOIN tenant.subscriptions AS s ON s.tenant_id = t.tenant_id
        ORDER BY t.slug",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let row =
        |slug: &str, status: &str, tasks| (slug.to_owned(), status.to_owned(), tasks, "enterprise".to_owned(), true);
    assert_eq!(found, [row("chosen", "active", 9), row("default", "suspended", 0)]);
}
