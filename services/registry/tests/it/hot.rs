//! The one-round-trip read sets its tenant before row-level security asks for it.
//!
//! Nothing but the order of evaluation stands between this read and no rows (or another tenant's rows), so it is proven on
//! fresh connections, with a foreign context left behind, and after Postgres has switched to a generic plan.

use trinity_context::{Caller, RequestContext};
use trinity_db::{CONTEXT_CTE, Db, GatheredReads};
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
    RequestContext::new(Caller::User { tenant, user: UserId::new(), session: SessionId::new() })
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

#[derive(Clone, sqlx::FromRow)]
struct Named {
    id: ProjectId,
    name: String,
}

const GATHERED: &str = "WITH context AS MATERIALIZED (SELECT set_config('app.tenant_id', $1::text, true) AS tenant)
    SELECT p.*
    FROM context
    CROSS JOIN LATERAL (
        SELECT id, name
        FROM projects
        WHERE tenant_id = context.tenant::uuid AND id = ANY($2) AND deleted_at IS NULL
        OFFSET 0
    ) AS p";

#[tokio::test(flavor = "multi_thread")]
async fn those_who_share_a_round_trip_get_their_own_rows_and_no_others() {
    let test = TestDb::new("registry", &MIGRATOR).await;
    let db = test.db();
    let tenants = [TenantId::new(), TenantId::new()];
    let mut projects = Vec::new();
    for number in 0..20 {
        let tenant = tenants[number % 2];
        projects.push((tenant, add_project(&db, tenant, &format!("project {number}")).await, number));
    }
    // Why one connection: the statements must wait for each other, so that askers gather.
    let one_connection = Db::connect(test.url(), 1).unwrap();
    let reads = std::sync::Arc::new(GatheredReads::new(one_connection, GATHERED, |row: &Named| row.id));
    let mut asking = tokio::task::JoinSet::new();
    for round in 0..600 {
        let (tenant, id, number) = projects[round % 20];
        let stranger = tenants[(number + 1) % 2];
        let reads = std::sync::Arc::clone(&reads);
        asking.spawn(async move {
            let own = reads.find(&context(tenant), id).await.unwrap();
            assert_eq!(own.map(|row| row.name), Some(format!("project {number}")));
            assert!(reads.find(&context(stranger), id).await.unwrap().is_none(), "a foreign id finds nothing");
            assert!(reads.find(&context(tenant), ProjectId::new()).await.unwrap().is_none());
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_away_takes_nobody_along() {
    let test = TestDb::new("registry", &MIGRATOR).await;
    let (db, tenant) = (test.db(), TenantId::new());
    let project = add_project(&db, tenant, "mine").await;
    let reads = std::sync::Arc::new(GatheredReads::new(db, GATHERED, |row: &Named| row.id));
    for _ in 0..50 {
        let ctx = context(tenant);
        let first = reads.find(&ctx, project);
        drop(tokio::time::timeout(std::time::Duration::ZERO, first).await);
        assert!(reads.find(&ctx, project).await.unwrap().is_some());
    }
}
