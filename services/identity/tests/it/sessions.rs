//! A person's sessions.

use tonic::Code;
use trinity_proto::identity::{
    GetMeRequest, ListSessionsRequest, LoginRequest, LoginResponse, LogoutRequest, RevokeSessionRequest, Session,
};

use crate::stack::{PASSWORD, Stack, by, field, reason};

impl Stack {
    async fn sessions(&self, login: &LoginResponse) -> Vec<Session> {
        self.auth().list_sessions(by(login, ListSessionsRequest {})).await.unwrap().into_inner().sessions
    }

    async fn revoke(&self, login: &LoginResponse, session_id: &str) -> Result<(), tonic::Status> {
        let request = RevokeSessionRequest { session_id: session_id.to_owned() };
        self.auth().revoke_session(by(login, request)).await.map(|_| ())
    }

    async fn is_known(&self, login: &LoginResponse) -> bool {
        match self.auth().get_me(by(login, GetMeRequest {})).await {
            Ok(_) => true,
            Err(status) => {
                assert_eq!(status.code(), Code::Unauthenticated);
                false
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_show_where_they_came_from() {
    let stack = Stack::start().await;
    let first = stack.tenant("acme").await;
    let login = LoginRequest {
        tenant: "acme".to_owned(),
        email: "owner@acme.example".to_owned(),
        password: PASSWORD.to_owned(),
    };
    let mut request = tonic::Request::new(login);
    request.metadata_mut().insert("x-client-ip", "192.0.2.7".parse().unwrap());
    request.metadata_mut().insert("x-user-agent", "Trinity/1".parse().unwrap());
    let second = stack.auth().login(request).await.unwrap().into_inner();

    let seen = stack.sessions(&second).await;
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].ip.as_str(), seen[0].user_agent.as_str(), seen[0].current), ("192.0.2.7", "Trinity/1", true));
    assert!(!seen[1].current && seen[0].expires_at.unwrap().seconds > seen[0].created_at.unwrap().seconds);
    assert!(stack.sessions(&first).await.iter().find(|session| session.id == seen[1].id).unwrap().current);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_session_is_over_everywhere() {
    let stack = Stack::start().await;
    let (mine, lost) = (stack.tenant("acme").await, stack.login("acme", "owner@acme.example", PASSWORD).await.unwrap());
    let id = stack.sessions(&lost).await.into_iter().find(|session| session.current).unwrap().id;
    stack.revoke(&mine, &id).await.unwrap();
    assert_eq!(stack.sessions(&mine).await.len(), 1);
    assert_eq!(stack.revoked().await, [id.as_str()]);
    assert_eq!(reason(&stack.refresh(&lost.refresh_token).await.unwrap_err()), "INVALID_REFRESH_TOKEN");
    stack.forget(&lost);
    assert!(!stack.is_known(&lost).await);
    assert!(stack.is_known(&mine).await);
    let events = stack.events_of("session.revoke").await;
    assert_eq!(
        (events.len(), events[0].2.as_str(), events[0].3.as_str()),
        (1, mine.user.unwrap().id.as_str(), id.as_str())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_sessions_answer_like_none() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.user(&owner, "viewer@acme.example", &["viewer"]).await.unwrap();
    let viewer = stack.login("acme", "viewer@acme.example", PASSWORD).await.unwrap();
    let foreign = stack.tenant("other").await;
    let random = trinity_ids::SessionId::new().to_string();
    let expected = stack.revoke(&viewer, &random).await.unwrap_err();
    assert_eq!((expected.code(), reason(&expected).as_str()), (Code::NotFound, "SESSION_NOT_FOUND"));
    for somebody in [&owner, &foreign] {
        let id = &stack.sessions(somebody).await[0].id;
        let status = stack.revoke(&viewer, id).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message(), status.details()),
            (expected.code(), expected.message(), expected.details())
        );
    }
    assert!(stack.revoked().await.is_empty());
    assert_eq!(field(&stack.revoke(&viewer, "7").await.unwrap_err()), "session_id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logout_ends_the_session_once() {
    let stack = Stack::start().await;
    let login = stack.tenant("acme").await;
    for _ in 0..2 {
        // The second one comes while the session still counts as good here.
        stack.auth().logout(by(&login, LogoutRequest {})).await.unwrap();
    }
    assert_eq!(stack.events_of("auth.logout").await.len(), 1);
    assert_eq!(reason(&stack.refresh(&login.refresh_token).await.unwrap_err()), "INVALID_REFRESH_TOKEN");
    stack.forget(&login);
    assert!(!stack.is_known(&login).await);
}
