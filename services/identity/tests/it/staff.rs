//! Operators: a realm of their own, and the way into a tenant.

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::identity::{
    CheckRequest, CreateGroupRequest, CreateStaffRequest, DeactivateStaffRequest, EnterTenantRequest,
    ListSessionsRequest, ListStaffRequest, ListUsersRequest, ListVariablesRequest, LogoutStaffRequest,
    SetVariableRequest, Staff,
};
use trinity_proto::tenant::ListTenantsRequest;

use crate::access::user;
use crate::grants::on;
use crate::stack::{PASSWORD, STAFF, Stack, by, field, reason, tenant_of, with_token};

const REASON: &str = "ticket 4711: a run hangs";

impl Stack {
    async fn enter(&self, tenant_id: &str, why: &str, role: &str) -> Result<String, Status> {
        let request =
            EnterTenantRequest { tenant_id: tenant_id.to_owned(), reason: why.to_owned(), role: role.to_owned() };
        Ok(self.staff().enter_tenant(self.by_staff(request)).await?.into_inner().access_token)
    }

    async fn colleague(&self, email: &str) -> Result<Staff, Status> {
        let request =
            CreateStaffRequest { email: email.to_owned(), password: PASSWORD.to_owned(), full_name: String::new() };
        Ok(self.staff().create_staff(self.by_staff(request)).await?.into_inner().staff.unwrap())
    }

    async fn list_staff(&self, token: &str) -> Result<Vec<Staff>, Status> {
        Ok(self.staff().list_staff(with_token(token, ListStaffRequest {})).await?.into_inner().staff)
    }

    async fn deactivate_staff(&self, staff_id: &str) -> Result<(), Status> {
        let request = DeactivateStaffRequest { staff_id: staff_id.to_owned() };
        self.staff().deactivate_staff(self.by_staff(request)).await.map(|_| ())
    }

    async fn reads_users(&self, token: &str) -> Result<(), Status> {
        self.users().list_users(with_token(token, ListUsersRequest::default())).await.map(|_| ())
    }

    /// Action and actor's kind in one trail, in order.
    async fn trail(&self, tenant_id: &str) -> Vec<(String, String, String)> {
        sqlx::query_as("SELECT action, actor_type, outcome FROM identity.outbox WHERE tenant_id = $1::uuid ORDER BY id")
            .bind(tenant_id)
            .fetch_all(&mut self.db.admin().await)
            .await
            .unwrap()
    }
}

fn nil() -> String {
    trinity_ids::TenantId::NIL.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_realms_do_not_mix() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let token = stack.staff_token.as_str();
    let on_tenant_rpcs = [
        stack.reads_users(token).await.unwrap_err(),
        stack.auth().list_sessions(with_token(token, ListSessionsRequest {})).await.unwrap_err(),
        stack.access().check(with_token(token, CheckRequest::default())).await.unwrap_err(),
        stack.environment().list_variables(with_token(token, ListVariablesRequest {})).await.unwrap_err(),
    ];
    let owner_token = owner.access_token.as_str();
    let on_platform_rpcs = [
        stack.list_staff(owner_token).await.unwrap_err(),
        stack.tenants().list_tenants(by(&owner, ListTenantsRequest::default())).await.unwrap_err(),
        stack.staff().enter_tenant(by(&owner, EnterTenantRequest::default())).await.unwrap_err(),
        stack.staff().logout_staff(by(&owner, LogoutStaffRequest {})).await.unwrap_err(),
    ];
    let by_service = stack.staff().list_staff(stack.by_service(ListStaffRequest {})).await.unwrap_err();
    for status in on_tenant_rpcs.iter().chain(&on_platform_rpcs).chain([&by_service]) {
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    }
    assert_eq!(stack.list_staff("nonsense").await.unwrap_err().code(), Code::Unauthenticated);
    let as_user = stack.login("acme", STAFF, PASSWORD).await.unwrap_err();
    let as_staff = stack.login_staff("owner@acme.example", PASSWORD).await.unwrap_err();
    for status in [as_user, as_staff] {
        assert_eq!(reason(&status), "INVALID_CREDENTIALS");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_reads_with_a_reason_in_the_tenants_own_trail() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let tenant = tenant_of(&owner);
    let entered = stack.enter(&tenant, REASON, "admin").await.unwrap();
    stack.reads_users(&entered).await.unwrap();
    let as_viewer = stack.enter(&tenant, REASON, "").await.unwrap();
    assert_eq!(stack.reads_users(&as_viewer).await.unwrap_err().code(), Code::PermissionDenied);
    for (token, word, expected) in [
        (&entered, "audit.read", true),
        (&entered, "user.update", false),
        (&as_viewer, "project.read", true),
        (&as_viewer, "audit.read", false),
    ] {
        let request = CheckRequest { permission: word.to_owned(), ..Default::default() };
        let answer = stack.access().check(with_token(token, request)).await.unwrap().into_inner();
        assert_eq!(answer.allowed, expected, "{word}");
    }

    let project = stack.objects.project(&tenant, &owner.user.clone().unwrap().id);
    let group = CreateGroupRequest { name: "g".to_owned(), description: String::new() };
    let variable = SetVariableRequest { name: "A".to_owned(), value: "b".to_owned() };
    let grant = on(&project, user(&owner.user.clone().unwrap().id), trinity_proto::identity::Level::View);
    let writes = [
        stack.access().create_group(with_token(&entered, group)).await.map(|_| ()).unwrap_err(),
        stack.environment().set_variable(with_token(&entered, variable)).await.map(|_| ()).unwrap_err(),
        stack.access().create_grant(with_token(&entered, grant)).await.map(|_| ()).unwrap_err(),
        stack.list_staff(&entered).await.map(|_| ()).unwrap_err(),
    ];
    for status in writes {
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    }
    let trail = stack.trail(&tenant).await;
    let entries = trail.iter().filter(|(action, actor, _)| action == "staff.enter" && actor == "staff").count();
    assert_eq!(entries, 2, "{trail:?}");
    let (after, name): (String, String) =
        sqlx::query_as("SELECT after::text, actor_name FROM identity.outbox WHERE action = 'staff.enter' LIMIT 1")
            .fetch_one(&mut stack.db.admin().await)
            .await
            .unwrap();
    assert!(after.contains(REASON) && name == STAFF, "{after} by {name}");
    let other = stack.tenant("other").await;
    assert_eq!(stack.trail(&tenant_of(&other)).await.iter().filter(|event| event.0 == "staff.enter").count(), 0);

    for (tenant, why, role, name) in [
        (&tenant, "short", "", "reason"),
        (&tenant, REASON, "owner", "role"),
        (&"7".to_owned(), REASON, "", "tenant_id"),
    ] {
        assert_eq!(field(&stack.enter(tenant, why, role).await.unwrap_err()), name);
    }
    let unknown = stack.enter(&trinity_ids::TenantId::new().to_string(), REASON, "").await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "TENANT_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_end_with_their_time_and_with_the_session() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let tenant = tenant_of(&owner);
    let late = stack.enter(&tenant, REASON, "admin").await.unwrap();
    stack.tamper(sqlx::query("UPDATE identity.staff_entries SET expires_at = now()")).await;
    assert_eq!(stack.reads_users(&late).await.unwrap_err().code(), Code::Unauthenticated);
    let entered = stack.enter(&tenant, REASON, "admin").await.unwrap();
    stack.reads_users(&entered).await.unwrap();
    stack.staff().logout_staff(stack.by_staff(LogoutStaffRequest {})).await.unwrap();
    stack.forget(&owner);
    assert_eq!(stack.reads_users(&entered).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_come_and_go_and_one_stays() {
    let stack = Stack::start().await;
    let ada = stack.colleague("ada@trinity.example").await.unwrap();
    assert_eq!(reason(&stack.colleague("ADA@trinity.example").await.unwrap_err()), "EMAIL_TAKEN");
    let token = stack.login_staff("ada@trinity.example", PASSWORD).await.unwrap();
    assert_eq!((token.expires_in, token.staff.unwrap().email.as_str()), (3600, "ada@trinity.example"));
    let all = stack.list_staff(&stack.staff_token).await.unwrap();
    assert_eq!(all.iter().map(|staff| staff.email.as_str()).collect::<Vec<_>>(), ["ada@trinity.example", STAFF]);
    let own = all[1].id.clone();

    stack.deactivate_staff(&ada.id).await.unwrap();
    let status = stack.list_staff(&token.access_token).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason(&stack.login_staff("ada@trinity.example", PASSWORD).await.unwrap_err()), "INVALID_CREDENTIALS");
    assert_eq!(reason(&stack.deactivate_staff(&own).await.unwrap_err()), "LAST_STAFF");
    let nobody = trinity_ids::StaffId::new().to_string();
    assert_eq!(reason(&stack.deactivate_staff(&nobody).await.unwrap_err()), "STAFF_NOT_FOUND");

    let more = join_all((0..5).map(|number| {
        let email = format!("s{number}@trinity.example");
        let stack = &stack;
        async move { stack.colleague(&email).await.unwrap().id }
    }));
    let mut ids = more.await;
    ids.push(own);
    let answers = join_all(ids.iter().map(|id| stack.deactivate_staff(id))).await;
    let active: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.staff WHERE active")
        .fetch_one(&mut stack.db.admin().await)
        .await
        .unwrap();
    assert!(active >= 1 && answers.iter().any(Result::is_err), "{active} are left after {answers:?}");
    let trail = stack.trail(&nil()).await;
    assert_eq!(trail[0], ("staff.create".to_owned(), "service".to_owned(), "OK".to_owned()));
    for action in ["staff.login", "staff.create", "staff.deactivate"] {
        assert!(trail.iter().any(|event| event.0 == action), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_of_staff_lock_and_all_refusals_are_alike() {
    let stack = Stack::start().await;
    let mut answers = Vec::new();
    for (email, password) in [(STAFF, "wrong password"), ("nobody@trinity.example", PASSWORD), ("no address", PASSWORD)]
    {
        let started = std::time::Instant::now();
        let status = stack.login_staff(email, password).await.unwrap_err();
        assert!(started.elapsed().as_millis() >= 250, "none is early");
        answers.push((status.code(), status.message().to_owned(), status.details().to_vec()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]) && answers[0].0 == Code::Unauthenticated);
    let wrong = sqlx::query("UPDATE identity.staff SET failed_attempts = 12");
    stack.tamper(wrong).await;
    stack.login_staff(STAFF, "wrong password").await.unwrap_err();
    assert_eq!(reason(&stack.login_staff(STAFF, PASSWORD).await.unwrap_err()), "INVALID_CREDENTIALS", "it is locked");
    stack.tamper(sqlx::query("UPDATE identity.staff SET locked_until = now()")).await;
    stack.login_staff(STAFF, PASSWORD).await.unwrap();
    let refused = stack.trail(&nil()).await.into_iter().filter(|event| event.2 == "UNAUTHENTICATED").count();
    assert_eq!(refused, 4, "what has no address cannot be told");
    for (email, password, name) in [("", PASSWORD, "email"), (STAFF, "", "password")] {
        assert_eq!(field(&stack.login_staff(email, password).await.unwrap_err()), name);
    }
}
