//! What was there before a migration is there after it.

use std::borrow::Cow;

use sqlx::migrate::Migrator;
use trinity_identity::MIGRATOR;
use trinity_ids::{TenantId, UserId};
use trinity_testkit::TestDb;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_roles_that_people_held_become_bindings() {
    let before: Vec<_> = MIGRATOR.iter().filter(|migration| migration.version <= 3).cloned().collect();
    let before = Migrator { migrations: Cow::Owned(before), ..Migrator::DEFAULT };
    let db = TestDb::new("identity", &before).await;
    let (one, two) = (UserId::new(), UserId::new());
    let mut admin = db.admin().await;
    for (id, roles) in [(one, "{owner,viewer,owner}"), (two, "{editor}")] {
        sqlx::query(
            "INSERT INTO identity.users (tenant_id, id, email, username, full_name, roles, password_hash)
            VALUES ($1, $2, $3, '', '', $4::text[], '')",
        )
        .bind(TenantId::new())
        .bind(id)
        .bind(format!("{id}@acme.example"))
        .bind(roles)
        .execute(&mut admin)
        .await
        .unwrap();
    }
    trinity_db::migrate(db.owner_url(), &MIGRATOR).await.unwrap();
    let held: Vec<(UserId, String)> = sqlx::query_as(
        "SELECT u.id, b.role
        FROM identity.users AS u
        JOIN identity.bindings AS b ON b.tenant_id = u.tenant_id AND b.subject_id = u.id AND b.project_id IS NULL
        ORDER BY u.id, b.role",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert_eq!(held, [(one, "owner".to_owned()), (one, "viewer".to_owned()), (two, "editor".to_owned())]);
    let forced: bool =
        sqlx::query_scalar("SELECT relforcerowsecurity FROM pg_class WHERE oid = 'identity.users'::regclass")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    assert!(forced, "row-level security is forced again");
}
