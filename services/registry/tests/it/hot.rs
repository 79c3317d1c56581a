//! The one-round-trip read sets its tenant before row-level security asks for it.
//!
//! Nothing but the order of evaluation stands between this read and no rows (or another tenant's rows), so it is proven on
//! fresh connections, with a foreign context left behind, and after Postgres has switched to a generic plan.

use trinity_context::{Caller, RequestContext};
use trinity_db::{CONTEXT_CTE, Db};
use trinity_ids::{ProjectId, SessionId, TenantId, UserId};
use trinity_registry::MIGRATOR;
use trinity_testkit::TestDb;

/// The shape of the statement that `GetProject` uses, on the same table.
const STATEMENT: &str = "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
    SELECT p.*
    FROM context
    CROSS JOIN LATERAL (
        SELECT name
        FROM projects
        WHERE tenant_id = context.tenant::uuid AND id = $2 AND deleted_at IS NULL
        OFFSET 0
    ) AS p";

fn context(tenant: TenantId) -> RequestContext {
    RequestContext::new(Caller::User { tenant, user: UserId::new(), session: SessionId::new(), roles: Vec::new() })
}

async fn add_project(db: &Db, tenant: TenantId, name: &str) -> ProjectId {
    let id = ProjectId::new();
    let mut tx = db.begin(&context(tenant)).await.unwrap();
    sqlx::query("INSERT INTO projects (tenant_id, id, name, description, owner_id, app, state, settings) VALUES ($1, $2, $3, '', $2, 'eda', '{}', '{}')")
        .bind(tenant)
        .bind(id)
        .bind(name)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    id
}

async fn read(db: &Db, tenant: TenantId, id: ProjectId) -> Option<String> {
    let row: Option<(String,)> = db.read_one(&context(tenant), STATEMENT, |query| query.bind(id)).await.unwrap();
    row.map(|(name,)| name)
}

/// Leaves a tenant on the connection for its whole session, as a careless statement might.
async fn leave_behind(db: &Db, tenant: TenantId) {
    let mut tx = db.begin(&context(tenant)).await.unwrap();
    sqlx::query("SELECT set_config('app.tenant_id', $1, false)")
        .bind(tenant.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_is_there_before_the_row_is_read() {
    assert!(STATEMENT.starts_with(CONTEXT_CTE));
    let test = TestDb::new("registry", &MIGRATOR).await;
    let (mine, theirs) = (TenantId::new(), TenantId::new());
    let writer = test.db();
    let (my_project, their_project) =
        (add_project(&writer, mine, "mine").await, add_project(&writer, theirs, "theirs").await);

    for _ in 0..3 {
        let fresh = Db::connect(test.url(), 1).unwrap();
        assert_eq!(read(&fresh, mine, my_project).await.as_deref(), Some("mine"), "on a fresh connection");
        assert_eq!(read(&fresh, mine, their_project).await, None);
        fresh.close().await;
    }

    let one_connection = Db::connect(test.url(), 1).unwrap();
    leave_behind(&one_connection, theirs).await;
    // Why so often: Postgres considers a generic plan from the sixth execution on.
    for _ in 0..12 {
        assert_eq!(read(&one_connection, mine, my_project).await.as_deref(), Some("mine"));
        assert_eq!(read(&one_connection, mine, their_project).await, None, "a foreign context must not leak");
        assert_eq!(read(&one_connection, theirs, my_project).await, None);
        assert_eq!(read(&one_connection, theirs, their_project).await.as_deref(), Some("theirs"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_ends_with_the_statement() {
    let test = TestDb::new("registry", &MIGRATOR).await;
    let tenant = TenantId::new();
    let db = Db::connect(test.url(), 1).unwrap();
    let project = add_project(&db, tenant, "mine").await;
    assert!(read(&db, tenant, project).await.is_some());
    let mut tx = db.begin_system("look-around").await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM projects").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(rows, 0, "no tenant is left on the connection");
}
