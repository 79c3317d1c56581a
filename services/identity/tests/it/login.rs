//! Signing in, and everything that is refused alike.

use std::time::{Duration, Instant};

use tonic::Code;
use trinity_proto::identity::{GetMeRequest, LoginRequest, UpdateUserRequest};

use crate::stack::{PASSWORD, Stack, by, field, reason};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_credentials_give_tokens_that_work() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let login = stack.login(" Acme ", " OWNER@acme.Example ", PASSWORD).await.unwrap();
    assert_eq!((login.token_type.as_str(), login.expires_in), ("Bearer", 600));
    let user = login.user.clone().unwrap();
    assert_eq!((user.email.as_str(), &user.roles[..]), ("owner@acme.example", &["owner".to_owned()][..]));
    assert!(user.last_login_at.is_some());

    let me = stack.auth().get_me(by(&login, GetMeRequest {})).await.unwrap().into_inner();
    assert_eq!(me.user.unwrap(), user);
    assert!(me.permissions.contains(&"user.create".to_owned()));
    assert!(login.refresh_token.contains(&me.session_id) && login.refresh_token.contains(&me.tenant_id));
    let event = stack.events_of("auth.login").await.pop().unwrap();
    assert_eq!(event, ("auth.login".to_owned(), "OK".to_owned(), user.id.clone(), user.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_slug_the_host_names_the_tenant() {
    let stack = Stack::start().await;
    stack.tenant("acme").await;
    let request = |host: &str| {
        let login = LoginRequest {
            email: "owner@acme.example".to_owned(),
            password: PASSWORD.to_owned(),
            tenant: String::new(),
        };
        let mut request = tonic::Request::new(login);
        request.metadata_mut().insert("x-host", host.parse().unwrap());
        request
    };
    assert!(stack.auth().login(request("acme.example")).await.is_ok());
    let status = stack.auth().login(request("other.example")).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_CREDENTIALS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_the_same_and_none_is_early() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let gone = stack.user(&owner, "gone@acme.example", &["viewer"]).await.unwrap();
    let locked = stack.user(&owner, "locked@acme.example", &["viewer"]).await.unwrap();
    let off = UpdateUserRequest { user_id: gone.id.clone(), active: Some(false), ..Default::default() };
    stack.users().update_user(by(&owner, off)).await.unwrap();
    let lock = sqlx::query(
        "UPDATE identity.users SET failed_attempts = 9, locked_until = now() + interval '1 hour' WHERE id = $1::uuid",
    );
    stack.tamper(lock.bind(&locked.id)).await;

    let claims = [
        ("acme", "owner@acme.example", "wrong password"),
        ("acme", "nobody@acme.example", PASSWORD),
        ("nobody", "owner@acme.example", PASSWORD),
        ("", "owner@acme.example", PASSWORD),
        ("a\0b", "owner@acme.example", PASSWORD),
        ("acme", "not an\0address", PASSWORD),
        ("acme", "gone@acme.example", PASSWORD),
        ("acme", "locked@acme.example", PASSWORD),
    ];
    for claim in claims {
        let started = Instant::now();
        let status = stack.login(claim.0, claim.1, claim.2).await.unwrap_err();
        assert!(started.elapsed() >= Duration::from_millis(250), "{claim:?} was refused early");
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unauthenticated, "INVALID_CREDENTIALS"),
            "{claim:?}"
        );
        let first = stack.login("acme", "owner@acme.example", "another wrong one").await.unwrap_err();
        assert_eq!((status.message(), status.details()), (first.message(), first.details()), "{claim:?}");
        stack.tamper(sqlx::query("UPDATE identity.users SET failed_attempts = 0 WHERE email LIKE 'owner@%'")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_logins_stand_in_the_tenants_trail() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await.user.unwrap();
    stack.login("acme", "owner@acme.example", "wrong password").await.unwrap_err();
    stack.login("acme", "nobody@acme.example", PASSWORD).await.unwrap_err();
    let events = stack.events_of("auth.login").await;
    let refused =
        |object: &str| ("auth.login".to_owned(), "UNAUTHENTICATED".to_owned(), String::new(), object.to_owned());
    assert_eq!(events[events.len() - 2..], [refused(&owner.id), refused("")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_fields_are_named() {
    let stack = Stack::start().await;
    for (email, password, name) in [("", PASSWORD, "email"), (" ", PASSWORD, "email"), ("a@b.c", "", "password")] {
        let status = stack.login("acme", email, password).await.unwrap_err();
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, name));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspension_is_told_after_right_credentials_alone() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    let me = stack.auth().get_me(by(&login, GetMeRequest {})).await.unwrap().into_inner();
    stack.suspend(&me.tenant_id).await;

    let wrong = stack.login("acme", "owner@acme.example", "wrong password").await.unwrap_err();
    assert_eq!(reason(&wrong), "INVALID_CREDENTIALS");
    let forged = format!("{}{}", &login.refresh_token[..login.refresh_token.len() - 4], "AAAA");
    assert_eq!(reason(&stack.refresh(&forged).await.unwrap_err()), "INVALID_REFRESH_TOKEN");

    let right = stack.login("acme", "owner@acme.example", PASSWORD).await.unwrap_err();
    let refreshed = stack.refresh(&login.refresh_token).await.unwrap_err();
    let called = stack.auth().get_me(by(&login, GetMeRequest {})).await.unwrap_err();
    for status in [right, refreshed, called] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "TENANT_SUSPENDED"));
    }
    let last = stack.events_of("auth.login").await.pop().unwrap();
    assert_eq!(last.1, "TENANT_SUSPENDED");
}
