//! Who may give and take which role, and that an owner stays.

use futures::future::join_all;
use tonic::Code;
use trinity_proto::identity::{CreateFirstOwnerRequest, UpdateUserRequest};

use crate::stack::{PASSWORD, Stack, by, reason, tenant_of};

fn roles(user_id: &str, names: &[&str]) -> UpdateUserRequest {
    UpdateUserRequest {
        user_id: user_id.to_owned(),
        roles: names.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    }
}

fn deactivate(user_id: &str) -> UpdateUserRequest {
    UpdateUserRequest { user_id: user_id.to_owned(), active: Some(false), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_neither_makes_nor_touches_owners() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let owner_id = owner.user.clone().unwrap().id;
    let admin_id = stack.user(&owner, "admin@acme.example", &["admin"]).await.unwrap().id;
    let admin = stack.login("acme", "admin@acme.example", PASSWORD).await.unwrap();
    let refusals = [
        stack.user(&admin, "x@acme.example", &["viewer", "owner"]).await,
        stack.update(&admin, roles(&admin_id, &["owner"])).await,
        stack.update(&admin, roles(&owner_id, &["viewer"])).await,
        stack.update(&admin, deactivate(&owner_id)).await,
    ];
    for refusal in refusals {
        let status = refusal.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_TOO_STRONG"));
    }
    stack.user(&admin, "y@acme.example", &["admin"]).await.unwrap();
    stack.user(&owner, "z@acme.example", &["owner"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_active_owner_stays() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let id = owner.user.clone().unwrap().id;
    let second = stack.user(&owner, "second@acme.example", &["owner"]).await.unwrap();
    stack.update(&owner, deactivate(&second.id)).await.unwrap();
    for change in [deactivate(&id), roles(&id, &["admin"])] {
        let status = stack.update(&owner, change).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "LAST_OWNER"));
    }
    stack.update(&owner, roles(&id, &["owner", "viewer"])).await.unwrap();
    stack.update(&owner, roles(&second.id, &["viewer"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owners_who_remove_each_other_at_once_leave_one() {
    let stack = Stack::start().await;
    let first = stack.tenant("acme").await;
    let mut owners = vec![first.user.clone().unwrap().id];
    for number in 0..5 {
        owners.push(stack.user(&first, &format!("o{number}@acme.example"), &["owner"]).await.unwrap().id);
    }
    let changes = owners
        .iter()
        .enumerate()
        .map(|(number, id)| if number % 2 == 0 { deactivate(id) } else { roles(id, &["viewer"]) });
    let answers = join_all(changes.map(|change| stack.update(&first, change))).await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.iter().map(reason).collect::<Vec<_>>(), ["LAST_OWNER"]);
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM identity.users AS u JOIN identity.bindings AS b ON b.subject_id = u.id
        WHERE u.active AND b.role = 'owner'",
    )
    .fetch_one(&mut stack.db.admin().await)
    .await
    .unwrap();
    assert_eq!(left, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_on_the_way_out_does_not_count_as_staying() {
    let stack = Stack::start().await;
    let first = stack.tenant("acme").await;
    let second = stack.user(&first, "second@acme.example", &["owner"]).await.unwrap();
    let mut rival = stack.rival(&tenant_of(&first)).await;
    let demote = sqlx::query("DELETE FROM bindings WHERE subject_id = $1::uuid").bind(first.user.clone().unwrap().id);
    demote.execute(&mut rival).await.unwrap();
    let (refused, ()) = tokio::join!(stack.update(&first, deactivate(&second.id)), stack.commit_when_waited_for(rival));
    assert_eq!(reason(&refused.unwrap_err()), "LAST_OWNER");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_owner_waits_for_another_who_is_being_made() {
    let stack = Stack::start().await;
    let tenant = stack.empty_tenant("acme").await;
    let mut rival = stack.rival(&tenant).await;
    let insert = sqlx::query(
        "INSERT INTO users (tenant_id, id, email, username, full_name, password_hash, founder)
        VALUES ($1::uuid, gen_random_uuid(), 'rival@acme.example', '', '', '', true)",
    );
    insert.bind(&tenant).execute(&mut rival).await.unwrap();
    let (refused, ()) =
        tokio::join!(stack.first_owner(&tenant, "late@acme.example"), stack.commit_when_waited_for(rival));
    assert_eq!(reason(&refused.unwrap_err()), "TENANT_HAS_USERS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_gets_one_first_owner() {
    let stack = Stack::start().await;
    let tenant = stack.empty_tenant("acme").await;
    let emails: Vec<_> = (0..10).map(|number| format!("o{number}@acme.example")).collect();
    let answers = join_all(emails.iter().map(|email| stack.first_owner(&tenant, email))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for status in answers.into_iter().filter_map(Result::err) {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "TENANT_HAS_USERS"));
    }
    let status = stack.first_owner(&trinity_ids::TenantId::new().to_string(), "a@b.example").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "TENANT_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_do_not_make_first_owners() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let request = CreateFirstOwnerRequest::default();
    let refused = stack.staff().create_first_owner(by(&owner, request.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = stack.staff().create_first_owner(stack.by_service(request.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "services are no staff");
    assert_eq!(stack.staff().create_first_owner(request).await.unwrap_err().code(), Code::Unauthenticated);
}
