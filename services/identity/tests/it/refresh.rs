//! Refresh tokens: rotation, races, grace and reuse.

use std::collections::HashSet;

use futures::future::join_all;
use tonic::Code;
use trinity_proto::identity::GetMeRequest;

use crate::stack::{Stack, by, field, reason, with_token};

impl Stack {
    async fn refused(&self, token: &str) {
        let status = self.refresh(token).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Unauthenticated, "INVALID_REFRESH_TOKEN"),
            "{token}"
        );
    }

    async fn rotations(&self) -> i64 {
        sqlx::query_scalar("SELECT sum(rotations)::bigint FROM identity.sessions")
            .fetch_one(&mut self.db.admin().await)
            .await
            .unwrap()
    }

    async fn let_grace_pass(&self) {
        self.tamper(sqlx::query("UPDATE identity.sessions SET rotated_at = rotated_at - interval '11 s'")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_exchanged_for_its_successor() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    let mut token = login.refresh_token.clone();
    for _ in 0..3 {
        let next = stack.refresh(&token).await.unwrap();
        assert_ne!(next.refresh_token, token);
        assert_eq!((next.token_type.as_str(), next.expires_in), ("Bearer", 600));
        assert_eq!(next.user.unwrap().id, login.user.as_ref().unwrap().id);
        let me = stack.auth().get_me(with_token(&next.access_token, GetMeRequest {})).await.unwrap().into_inner();
        assert!(token.contains(&me.session_id), "the session goes on");
        token = next.refresh_token;
    }
    assert_eq!(stack.rotations().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_get_one_successor() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    let answers = join_all((0..50).map(|_| stack.refresh(&login.refresh_token))).await;
    let tokens: HashSet<_> = answers.into_iter().map(|answer| answer.unwrap().refresh_token).collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(stack.rotations().await, 1);
    stack.refresh(tokens.iter().next().unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_predecessor_answers_alike_within_the_grace_and_ends_the_session_after_it() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    let next = stack.refresh(&login.refresh_token).await.unwrap();
    let again = stack.refresh(&login.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, next.refresh_token);

    stack.let_grace_pass().await;
    stack.refused(&login.refresh_token).await;
    stack.refused(&next.refresh_token).await;
    let me = stack.runtime.authenticator.authenticate(&next.access_token).await;
    assert!(me.is_ok(), "not told yet");
    stack.forget(&login);
    for token in [&login.access_token, &next.access_token] {
        let status = stack.auth().get_me(with_token(token, GetMeRequest {})).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_token_ends_the_session_even_within_the_grace() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    let session = stack.auth().get_me(by(&login, GetMeRequest {})).await.unwrap().into_inner().session_id;
    let mut token = login.refresh_token.clone();
    for _ in 0..5 {
        token = stack.refresh(&token).await.unwrap().refresh_token;
    }
    let answers = join_all((0..20).map(|_| stack.refresh(&login.refresh_token))).await;
    assert!(answers.iter().all(Result::is_err));
    stack.refused(&token).await;
    assert_eq!(stack.revoked().await, [session.as_str()]);
    let events = stack.events_of("session.reuse").await;
    assert_eq!(events, [("session.reuse".to_owned(), "UNAUTHENTICATED".to_owned(), String::new(), session)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_session_of_the_same_user_lives_on() {
    let stack = Stack::start().await;
    let stolen = stack.tenant("acme").await;
    let other = stack.login("acme", "owner@acme.example", crate::stack::PASSWORD).await.unwrap();
    stack.refresh(&stolen.refresh_token).await.unwrap();
    stack.let_grace_pass().await;
    stack.refused(&stolen.refresh_token).await;
    stack.refresh(&other.refresh_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_token_is_refused_and_ends_nothing() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    let next = stack.refresh(&login.refresh_token).await.unwrap().refresh_token;
    let (head, secret) = next.split_at(next.len() - 43);
    let forged = format!("{head}{}A", secret[..42].chars().rev().collect::<String>());
    let foreign = stack.tenant("other").await.refresh_token;
    let crossed = format!("{head}{}", &foreign[foreign.len() - 43..]);
    for token in [forged.as_str(), &crossed, "x", "rt_x_y_z", &next[..next.len() - 1], &login.access_token, "a\0b"] {
        stack.refused(token).await;
    }
    stack.refresh(&next).await.unwrap();
    assert_eq!(field(&stack.refresh("").await.unwrap_err()), "refresh_token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_session_is_over() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    stack.tamper(sqlx::query("UPDATE identity.sessions SET expires_at = now()")).await;
    stack.refused(&login.refresh_token).await;
}
