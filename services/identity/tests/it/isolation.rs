//! Two tenants: through the service, and as the serving role meets row-level security.

use sqlx::{Connection, PgConnection};
use tonic::Code;
use trinity_context::RequestContext;
use trinity_ids::UserId;
use trinity_proto::identity::account_service_client::AccountServiceClient;
use trinity_proto::identity::mail_service_client::MailServiceClient;
use trinity_proto::identity::{
    CreateInvitationRequest, EnrollTotpRequest, EnterTenantRequest, GetUserRequest, Level, LoginResponse,
    RequestEmailVerificationRequest, SendMailRequest, SetVariableRequest, UpdateUserRequest,
};

use crate::access::{id_of, user};
use crate::grants::on;
use crate::stack::{PASSWORD, Stack, by, tenant_of};

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

/// Tables that background work reads across tenants.
const OF_THE_ENGINE: [&str; 5] = ["api_keys", "mails", "outbox", "sessions", "tenant_keys"];

/// Something in every table of a tenant.
async fn fill(stack: &Stack, owner: &LoginResponse) {
    let tenant_id = tenant_of(owner);
    let project = stack.objects.project(&tenant_id, &id_of(owner));
    let group = stack.group(owner, "g").await;
    stack.join(owner, &group.id, &id_of(owner)).await.unwrap();
    stack.role(owner, "own", &["run.read"]).await.unwrap();
    stack.share(owner, on(&project, user(&id_of(owner)), Level::View)).await.unwrap();
    let account = stack.account(owner, "robot", &["own"]).await.unwrap();
    stack.key(owner, &account.id, &[]).await.unwrap();
    let variable = SetVariableRequest { name: "A".to_owned(), value: "b".to_owned() };
    stack.environment().set_variable(by(owner, variable)).await.unwrap();
    let mail = SendMailRequest {
        tenant_id: tenant_id.clone(),
        id: uuid::Uuid::now_v7().to_string(),
        subject: "a run failed".to_owned(),
        text: "it did".to_owned(),
        ..SendMailRequest::default()
    };
    let mail = stack.runtime.peers.request(&RequestContext::service("orchestration"), mail);
    MailServiceClient::new(stack.runtime.peers.channel("identity").unwrap()).send_mail(mail).await.unwrap();
    let entry = EnterTenantRequest { tenant_id, reason: "to fill a table".to_owned(), role: String::new() };
    stack.staff().enter_tenant(stack.by_staff(entry)).await.unwrap();

    let mut accounts = AccountServiceClient::new(stack.runtime.peers.channel("identity").unwrap());
    let guest = CreateInvitationRequest { email: "guest@elsewhere.example".to_owned(), roles: Vec::new() };
    accounts.create_invitation(by(owner, guest)).await.unwrap();
    accounts.request_email_verification(by(owner, RequestEmailVerificationRequest {})).await.unwrap();
    let app = EnrollTotpRequest { password: PASSWORD.to_owned() };
    accounts.enroll_totp(by(owner, app)).await.unwrap();
    let codes = "INSERT INTO identity.recovery_codes SELECT tenant_id, user_id, '\\x00' FROM identity.totp_secrets
        ON CONFLICT DO NOTHING";
    stack.tamper(sqlx::query(codes)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenants_context_reaches_nothing_of_another() {
    let stack = Stack::start().await;
    let (one, two) = (stack.tenant("one").await, stack.tenant("two").await);
    fill(&stack, &one).await;
    fill(&stack, &two).await;
    let (one, two) = (tenant_of(&one), tenant_of(&two));
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT table_name::text
        FROM information_schema.columns
        WHERE table_schema = 'identity' AND column_name = 'tenant_id'",
    )
    .fetch_all(&mut stack.db.admin().await)
    .await
    .unwrap();
    assert!(tables.len() >= 12, "{tables:?}");
    let mut serving = PgConnection::connect(&stack.db.urls("identity").serve).await.unwrap();

    for table in &tables {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let seen: i64 = sqlx::query_scalar(count).fetch_one(&mut serving).await.unwrap();
        assert_eq!(seen, 0, "{table} without a context");
    }
    sqlx::query("SELECT set_config('app.tenant_id', $1, false)").bind(&one).execute(&mut serving).await.unwrap();
    for table in &tables {
        let ids = sqlx::AssertSqlSafe(format!("SELECT DISTINCT tenant_id::text FROM {table}"));
        let seen: Vec<String> = sqlx::query_scalar(ids).fetch_all(&mut serving).await.unwrap();
        assert_eq!(seen, [one.as_str()], "{table}");
        let change =
            sqlx::AssertSqlSafe(format!("UPDATE {table} SET tenant_id = tenant_id WHERE tenant_id = $1::uuid"));
        assert_eq!(sqlx::query(change).bind(&two).execute(&mut serving).await.unwrap().rows_affected(), 0);
        let moved = sqlx::AssertSqlSafe(format!("UPDATE {table} SET tenant_id = $1::uuid"));
        let refused = sqlx::query(moved).bind(&two).execute(&mut serving).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{table}");
    }
    sqlx::query("SELECT set_config('app.tenant_id', '', false), set_config('app.system', 'on', false)")
        .execute(&mut serving)
        .await
        .unwrap();
    for table in &tables {
        let any = sqlx::AssertSqlSafe(format!("SELECT count(*) > 0 FROM {table}"));
        let seen: bool = sqlx::query_scalar(any).fetch_one(&mut serving).await.unwrap();
        assert_eq!(seen, OF_THE_ENGINE.contains(&table.as_str()), "{table} by the engine");
    }
    for forbidden in [
        "DELETE FROM users",
        "DELETE FROM staff",
        "DELETE FROM tenant_keys",
        "UPDATE signing_keys SET signs_from = now()",
    ] {
        let refused = sqlx::query(forbidden).execute(&mut serving).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}");
    }
}
