//! The kit keeps its promises: databases are private, in the serving role, and gone afterwards.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use trinity_context::Caller;
use trinity_ids::{TenantId, UserId};
use trinity_testkit::{OwnRedis, TestDb, TestRedis, TestTokens, eventually};

static MIGRATOR: Migrator = sqlx::migrate!("tests/it/migrations");

#[tokio::test]
async fn databases_of_two_tests_share_nothing() {
    let (one, two) = tokio::join!(TestDb::new("audit", &MIGRATOR), TestDb::new("audit", &MIGRATOR));
    let mut first = PgConnection::connect(one.url()).await.unwrap();
    let mut second = PgConnection::connect(two.url()).await.unwrap();
    sqlx::query("INSERT INTO notes (body) VALUES ('mine')").execute(&mut first).await.unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(&mut second).await.unwrap();
    assert_eq!(seen, 0);
}

#[tokio::test]
async fn tests_connect_as_the_serving_role() {
    let test = TestDb::new("audit", &MIGRATOR).await;
    let mut serving = PgConnection::connect(test.url()).await.unwrap();
    let (role, path): (String, String) = sqlx::query_as("SELECT current_user::text, current_setting('search_path')")
        .fetch_one(&mut serving)
        .await
        .unwrap();
    assert_eq!((role.as_str(), path.as_str()), ("trinity_audit", "audit"));
    test.db().ping().await.unwrap();
}

#[tokio::test]
async fn database_goes_also_when_the_test_panics() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let test = async move {
        let test = TestDb::new("audit", &MIGRATOR).await;
        sender.send(test.admin_url()).unwrap();
        panic!("as a failing assertion would");
    };
    assert!(AssertUnwindSafe(test).catch_unwind().await.is_err());
    assert!(PgConnection::connect(&receiver.recv().unwrap()).await.is_err());
}

#[tokio::test]
async fn own_redis_is_not_the_shared_one() {
    let own = OwnRedis::start();
    assert_ne!(own.url(), TestRedis::new().url);
    assert_ne!(TestRedis::new().prefix, TestRedis::new().prefix);
}

#[tokio::test]
async fn tokens_name_their_caller() {
    let tokens = TestTokens::new();
    let (tenant, user) = (TenantId::new(), UserId::new());
    let caller = tokens.authenticator().authenticate(&tokens.user(tenant, user, &["editor"])).await.unwrap();
    assert!(matches!(&*caller, Caller::User { tenant: t, user: u, .. } if (*t, *u) == (tenant, user)));
    let caller = tokens.authenticator().authenticate(&tokens.service()).await.unwrap();
    assert!(matches!(&*caller, Caller::Service { .. }));
    assert!(TestTokens::new().authenticator().authenticate(&tokens.user(tenant, user, &[])).await.is_err());
}

#[tokio::test]
async fn eventually_returns_the_first_value() {
    let mut asked = 0;
    let value = eventually(Duration::from_secs(5), "the third answer", || {
        asked += 1;
        let answer = (asked == 3).then_some(asked);
        async move { answer }
    })
    .await;
    assert_eq!(value, 3);
}
