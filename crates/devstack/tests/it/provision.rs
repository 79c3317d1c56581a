//! What each role may and may not do.

use sqlx::{Connection, Executor, PgConnection};
use trinity_devstack::provision::{Plan, provision};
use trinity_devstack::{ServiceUrls, Throwaway};

const SERVICES: [&str; 2] = ["tenant", "audit"];

struct Provisioned {
    _server: Throwaway,
    tenant: ServiceUrls,
    audit: ServiceUrls,
}

/// Provisions twice, as every second `make up` does.
async fn provisioned() -> Provisioned {
    let server = Throwaway::postgres().unwrap();
    let plan =
        Plan { admin_url: server.url(), database: "trinity", services: &SERVICES, secret: "a secret for these tests" };
    let first = provision(&plan).await.unwrap();
    let second = provision(&plan).await.unwrap();
    assert_eq!(first, second);
    Provisioned { tenant: first["tenant"].clone(), audit: first["audit"].clone(), _server: server }
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// Runs a statement and returns the SQLSTATE of its refusal.
async fn refusal(connection: &mut PgConnection, sql: &'static str) -> Option<String> {
    let error = connection.execute(sql).await.err()?;
    Some(error.as_database_error()?.code()?.into_owned())
}

#[tokio::test]
async fn serving_role_writes_rows_and_nothing_else() {
    let given = provisioned().await;
    let mut owner = connect(&given.tenant.owner).await;
    owner.execute("CREATE TABLE thing (id bigint GENERATED ALWAYS AS IDENTITY, word text)").await.unwrap();

    let mut serving = connect(&given.tenant.serve).await;
    serving.execute("INSERT INTO thing (word) VALUES ('one')").await.unwrap();
    serving.execute("UPDATE thing SET word = 'two'").await.unwrap();
    serving.execute("DELETE FROM thing").await.unwrap();
    for forbidden in ["TRUNCATE thing", "CREATE TABLE other (id int)", "CREATE SCHEMA other", "CREATE ROLE other"] {
        assert_eq!(refusal(&mut serving, forbidden).await.as_deref(), Some("42501"), "{forbidden}");
    }
    assert_eq!(refusal(&mut serving, "DROP TABLE thing").await.as_deref(), Some("42501"));
}

#[tokio::test]
async fn roles_do_not_reach_another_schema() {
    let given = provisioned().await;
    connect(&given.tenant.owner).await.execute("CREATE TABLE thing (id int)").await.unwrap();
    for url in [&given.audit.serve, &given.audit.owner] {
        let mut other = connect(url).await;
        assert_eq!(refusal(&mut other, "SELECT id FROM tenant.thing").await.as_deref(), Some("42501"));
        assert_eq!(refusal(&mut other, "CREATE TABLE public.thing (id int)").await.as_deref(), Some("42501"));
    }
}

#[tokio::test]
async fn no_role_is_above_row_level_security() {
    let given = provisioned().await;
    let mut owner = connect(&given.tenant.owner).await;
    let mighty: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_roles
         WHERE rolname LIKE 'trinity\\_%' AND rolname <> 'trinity_admin'
           AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(mighty, 0);
}
