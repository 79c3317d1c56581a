//! Two tenants: through the service, and as the serving role meets row-level security.

use sqlx::{Connection, PgConnection};
use tonic::Code;
use trinity_ids::UserId;
use trinity_proto::identity::{GetUserRequest, UpdateUserRequest};

use crate::stack::{Stack, by, tenant_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_user_answers_like_none() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    let (foreign, random) = (two.user.clone().unwrap().id, UserId::new().to_string());
    let mut answers = Vec::new();
    for user_id in [&foreign, &random] {
        let get = GetUserRequest { user_id: user_id.clone() };
        let update = UpdateUserRequest { user_id: user_id.clone(), active: Some(false), ..Default::default() };
        answers.push([
            stack.users().get_user(by(&one, get)).await.unwrap_err(),
            stack.users().update_user(by(&one, update)).await.unwrap_err(),
        ]);
    }
    for (foreign, random) in answers[0].iter().zip(&answers[1]) {
        assert_eq!(foreign.code(), Code::NotFound);
        assert_eq!(
            (foreign.code(), foreign.message(), foreign.details()),
            (random.code(), random.message(), random.details())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_context_reaches_nothing_of_another() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    let (one, two) = (tenant_of(&one), tenant_of(&two));
    let mut serving = PgConnection::connect(&stack.db.urls("identity").serve).await.unwrap();

    let table_names = ["users", "sessions", "outbox", "bindings"];
    for table in table_names {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let seen: i64 = sqlx::query_scalar(count).fetch_one(&mut serving).await.unwrap();
        assert_eq!(seen, 0, "{table} without a context");
    }
    sqlx::query("SELECT set_config('app.tenant_id', $1, false)").bind(&one).execute(&mut serving).await.unwrap();
    for table in table_names {
        let ids = sqlx::AssertSqlSafe(format!("SELECT DISTINCT tenant_id::text FROM {table}"));
        let seen: Vec<String> = sqlx::query_scalar(ids).fetch_all(&mut serving).await.unwrap();
        assert_eq!(seen, [one.as_str()], "{table}");
        let change = sqlx::AssertSqlSafe(format!("UPDATE {table} SET created_at = now() WHERE tenant_id = $1::uuid"));
        assert_eq!(sqlx::query(change).bind(&two).execute(&mut serving).await.unwrap().rows_affected(), 0);
        let moved = sqlx::AssertSqlSafe(format!("UPDATE {table} SET tenant_id = $1::uuid"));
        let refused = sqlx::query(moved).bind(&two).execute(&mut serving).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{table}");
    }
    sqlx::query("SELECT set_config('app.tenant_id', '', false), set_config('app.system', 'on', false)")
        .execute(&mut serving)
        .await
        .unwrap();
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut serving).await.unwrap();
    assert_eq!(seen, 0, "not even the engine reaches people");
    for forbidden in ["DELETE FROM users", "UPDATE signing_keys SET signs_from = now()"] {
        let refused = sqlx::query(forbidden).execute(&mut serving).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}");
    }
}
