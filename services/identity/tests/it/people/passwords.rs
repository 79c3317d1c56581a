//! New passwords: by the old one, or by a mailed token.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tonic::{Code, Status};
use trinity_proto::identity::{
    ChangePasswordRequest, LoginResponse, RequestPasswordResetRequest, ResetPasswordRequest, UpdateUserRequest,
};

use super::house::{House, PASSWORD, by, tenant_of};
use crate::stack::{field, reason};

const OWNER: &str = "owner@acme.example";
const FRESH: &str = "seven quiet herons";

impl House {
    pub async fn change_password(&self, login: &LoginResponse, current: &str, new: &str) -> Result<(), Status> {
        let request = ChangePasswordRequest { current_password: current.to_owned(), new_password: new.to_owned() };
        self.accounts().change_password(by(login, request)).await.map(|_| ())
    }

    pub async fn ask_reset(&self, tenant: &str, email: &str) -> Result<(), Status> {
        let request = RequestPasswordResetRequest { email: email.to_owned(), tenant: tenant.to_owned() };
        self.accounts().request_password_reset(request).await.map(|_| ())
    }

    pub async fn reset(&self, token: &str, new_password: &str) -> Result<(), Status> {
        let request = ResetPasswordRequest { token: token.to_owned(), new_password: new_password.to_owned() };
        self.accounts().reset_password(request).await.map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_other_sessions() {
    let house = House::start().await;
    let (mine, other) = (house.tenant("acme").await, house.login("acme", OWNER, PASSWORD).await.unwrap());
    house.change_password(&mine, PASSWORD, FRESH).await.unwrap();
    assert!(house.is_signed_in(&mine).await && house.can_refresh(&mine).await);
    assert!(!house.is_signed_in(&other).await && !house.can_refresh(&other).await);
    assert!(house.login("acme", OWNER, PASSWORD).await.is_err());
    house.login("acme", OWNER, FRESH).await.unwrap();
    assert!(house.letter(OWNER, 1).await.text.contains("was changed"));
    assert_eq!(house.events("password.change").await, [("OK".to_owned(), mine.user.unwrap().id)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_current_password_counts_like_a_wrong_login() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    for _ in 0..5 {
        let refusal = house.change_password(&owner, "something else entirely", FRESH).await.unwrap_err();
        assert_eq!((reason(&refusal).as_str(), field(&refusal).as_str()), ("WRONG_PASSWORD", "current_password"));
    }
    let lock = "UPDATE identity.users SET locked_until = now() + interval '1 hour' WHERE failed_attempts = 5";
    house.tamper(sqlx::query(lock)).await;
    assert_eq!(reason(&house.change_password(&owner, PASSWORD, FRESH).await.unwrap_err()), "WRONG_PASSWORD");
    assert!(house.login("acme", OWNER, PASSWORD).await.is_err(), "locked");
    for (new, fault) in [("short", "new_password"), ("passwordpassword", "new_password"), (PASSWORD, "new_password")] {
        assert_eq!(field(&house.change_password(&owner, PASSWORD, new).await.unwrap_err()), fault);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailed_token_sets_a_password_once_and_ends_every_session() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let lock = "UPDATE identity.users SET failed_attempts = 9, locked_until = now() + interval '1 hour'";
    house.tamper(sqlx::query(lock)).await;
    house.ask_reset("acme", " OWNER@acme.example").await.unwrap();
    house.ask_reset("acme", OWNER).await.unwrap();
    let (first, second) = (house.letter(OWNER, 1).await.token(), house.letter(OWNER, 2).await.token());
    assert_eq!(field(&house.reset(&first, "short").await.unwrap_err()), "new_password");
    let answers = join_all((0..5).map(|_| house.reset(&first, FRESH))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(
        reason(&house.reset(&second, PASSWORD).await.unwrap_err()),
        "INVALID_TOKEN",
        "one reset ends all tokens"
    );
    assert!(!house.is_signed_in(&owner).await && !house.can_refresh(&owner).await);
    let login = house.login("acme", OWNER, FRESH).await.unwrap();
    assert!(login.user.unwrap().verified, "the mail proved the address");
    let user = owner.user.unwrap().id;
    assert_eq!(house.events("password.reset").await, [("OK".to_owned(), user)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_reset_tokens_are_refused_alike() {
    let house = House::start().await;
    let (owner, foreign) = (house.tenant("acme").await, house.tenant("other").await);
    house.ask_reset("acme", OWNER).await.unwrap();
    let good = house.letter(OWNER, 1).await.token();
    let crossed = good.replace(&tenant_of(&owner).to_string(), &tenant_of(&foreign).to_string());
    let expected = house.reset("x", FRESH).await.unwrap_err();
    assert_eq!((expected.code(), reason(&expected).as_str()), (Code::InvalidArgument, "INVALID_TOKEN"));
    for token in [crossed.as_str(), &good[1..], &good[..good.len() - 1], &good.replacen("reset_", "verify_", 1)] {
        let refusal = house.reset(token, FRESH).await.unwrap_err();
        assert_eq!((refusal.message(), refusal.details()), (expected.message(), expected.details()), "{token}");
    }
    house.tamper(sqlx::query("UPDATE identity.one_time_tokens SET expires_at = now()")).await;
    assert_eq!(house.reset(&good, FRESH).await.unwrap_err().details(), expected.details());
    house.tamper(sqlx::query("UPDATE identity.one_time_tokens SET expires_at = now() + interval '1 hour'")).await;
    house.suspend(tenant_of(&owner), true);
    assert_eq!(reason(&house.reset(&good, FRESH).await.unwrap_err()), "TENANT_SUSPENDED");
    house.suspend(tenant_of(&owner), false);
    house.tamper(sqlx::query("UPDATE identity.users SET active = false")).await;
    assert_eq!(house.reset(&good, FRESH).await.unwrap_err().details(), expected.details());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asking_for_a_reset_tells_nothing() {
    let house = House::start().await;
    let owner = house.tenant("acme").await;
    let gone = house.user(&owner, "gone@acme.example").await.unwrap();
    let off = UpdateUserRequest { user_id: gone.id, active: Some(false), ..Default::default() };
    house.users().update_user(by(&owner, off)).await.unwrap();
    let asked = [
        ("acme", OWNER),
        ("acme", "nobody@acme.example"),
        ("acme", "gone@acme.example"),
        ("nobody", OWNER),
        ("", OWNER),
    ];
    for (tenant, email) in asked {
        let started = Instant::now();
        house.ask_reset(tenant, email).await.unwrap();
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(250), "{tenant} {email} was answered early: {took:?}");
    }
    assert_eq!(field(&house.ask_reset("acme", "owner").await.unwrap_err()), "email");
    house.letter(OWNER, 1).await;
    house.post_is_out().await;
    for (tenant, email) in &asked[1..] {
        let letters = house.letters(email).len();
        assert_eq!(letters, usize::from(*email == OWNER), "{tenant} {email}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_cannot_fill_an_inbox() {
    let house = House::start().await;
    house.tenant("acme").await;
    let asked = join_all((0..20).map(|_| house.ask_reset("acme", OWNER))).await;
    assert!(asked.iter().all(Result::is_ok));
    house.post_is_out().await;
    assert_eq!(house.letters(OWNER).len(), 3);
    let token = house.letters(OWNER)[0].token();
    house.reset(&token, FRESH).await.expect("the first one is still good");
}
