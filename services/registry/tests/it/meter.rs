//! What tenants store reaches the tenant service.

use std::borrow::Cow;

use sqlx::migrate::Migrator;
use trinity_proto::registry as pb;
use trinity_proto::tenant::{Metric, UsageEntry};
use trinity_registry::MIGRATOR;
use trinity_testkit::{TestDb, eventually};

use crate::stand::{LIMIT, Person, Stand};

async fn told(stand: &Stand, person: &Person, amount: u64) -> UsageEntry {
    let last = || async {
        let batch = stand.plans.batches(person.tenant).pop()?;
        let entry = batch.entries.into_iter().find(|entry| entry.tenant_id == person.tenant.to_string())?;
        (entry.amount == amount).then_some(entry)
    };
    eventually(LIMIT, "the tenant service to be told", last).await
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_bytes_are_told_when_they_change() {
    let stand = Stand::new().await;
    let (anna, bob) = (stand.person("editor"), stand.person("editor"));
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    let dataset = stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap().id;
    let entry = told(&stand, &anna, 4).await;
    assert_eq!((entry.metric(), entry.day.len()), (Metric::StorageBytes, 10));
    stand.upload(&anna, &project, "b.csv", b"a\n12\n").await.unwrap();
    told(&stand, &anna, 9).await;
    stand.datasets().delete_dataset(anna.says(pb::DeleteDatasetRequest { dataset_id: dataset })).await.unwrap();
    told(&stand, &anna, 5).await;
    assert!(stand.plans.batches(bob.tenant).is_empty(), "who stores nothing is not told of");

    // A day on which nothing changes has a value, too.
    sqlx::query("UPDATE registry.tenant_usage SET reported_on = reported_on - 1")
        .execute(&mut stand.db.admin().await)
        .await
        .unwrap();
    let before = stand.plans.batches(anna.tenant).len();
    eventually(LIMIT, "the new day", || async { (stand.plans.batches(anna.tenant).len() > before).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_after_a_lost_answer_is_the_same_batch() {
    let stand = Stand::new().await;
    stand.plans.lose_answers(2);
    let anna = stand.person("editor");
    let project = stand.create_project(&anna, "Weather", "{}").await.unwrap().id;
    stand.upload(&anna, &project, "a.csv", b"a\n1\n").await.unwrap();
    let batches = eventually(LIMIT, "two repeats", || async {
        let batches = stand.plans.batches(anna.tenant);
        (batches.len() == 3).then_some(batches)
    })
    .await;
    assert!(batches.iter().all(|batch| *batch == batches[0]), "{batches:?}");
    stand.upload(&anna, &project, "b.csv", b"a\n1\n").await.unwrap();
    told(&stand, &anna, 8).await;
    let batches = stand.plans.batches(anna.tenant);
    assert_eq!(batches.len(), 4, "what was taken is not told again");
    assert_ne!(batches[3].batch_id, batches[0].batch_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_from_before_the_count_are_counted() {
    let earlier: Vec<_> = MIGRATOR.iter().filter(|migration| migration.version < 5).cloned().collect();
    let earlier = Migrator { migrations: Cow::Owned(earlier), ..Migrator::DEFAULT };
    let db = TestDb::new("registry", &earlier).await;
    let mut admin = db.admin().await;
    sqlx::raw_sql(
        "INSERT INTO registry.projects (tenant_id, id, name, description, owner_id, app, state, settings)
        SELECT tenant, tenant, 'old', '', tenant, 'eda', '{}', '{}'
        FROM (SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid AS tenant FROM generate_series(1, 2) AS n) AS t;
        INSERT INTO registry.datasets
            (tenant_id, id, project_id, name, format, size_bytes, schema, content_hash, storage_key, origin)
        SELECT tenant_id, gen_random_uuid(), id, 'old', 'csv', size, '[]', '', '', 'upload'
        FROM registry.projects, (VALUES (10), (20)) AS sizes (size)",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    trinity_db::migrate(db.owner_url(), &MIGRATOR).await.unwrap();
    let counted: Vec<i64> =
        sqlx::query_scalar("SELECT stored_bytes FROM registry.tenant_usage").fetch_all(&mut admin).await.unwrap();
    assert_eq!(counted, [30, 30]);
    let forced: bool =
        sqlx::query_scalar("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'registry.datasets'::regclass")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert!(forced, "row-level security holds for the owner again");
}
