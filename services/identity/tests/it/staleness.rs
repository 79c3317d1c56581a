//! How long services still let in whom identity no longer would: at most a second, without any hint.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::time::sleep;
use trinity_access::Path;
use trinity_context::Caller;
use trinity_ids::UserId;
use trinity_proto::identity::{
    CreateGrantRequest, GetMeRequest, Level, LoginResponse, LogoutRequest, SubjectType, UpdateUserRequest,
};

use crate::access::{id_of, subject, user};
use crate::grants::{A_SECOND, on};
use crate::stack::{Stack, by, tenant_of};

/// What one answer of the database and one look at the clock may take on a busy machine.
const SLACK: Duration = Duration::from_millis(500);

/// A service that keeps what a caller may do on a project of the tenant's owner.
struct Watch<'s> {
    stack: &'s Stack,
    caller: Arc<Caller>,
    path: Path,
}

impl Watch<'_> {
    async fn lets_in(&self) -> bool {
        match self.stack.runtime.authenticator.access(&self.caller).await {
            Ok(access) => access.allows("project.read", &self.path, Utc::now()),
            Err(error) => {
                assert_eq!(error.code(), trinity_error::Code::Unauthenticated);
                false
            }
        }
    }

    /// Waits until the caller is let in no more, asking all the time as busy services do.
    async fn stops_within_a_second_of(&self, since: Instant, what: &str) {
        while self.lets_in().await {
            assert!(since.elapsed() < A_SECOND + SLACK, "{what} still counts after {:?}", since.elapsed());
            sleep(Duration::from_millis(5)).await;
        }
        println!("{what} stopped counting after {:?}", since.elapsed());
    }
}

async fn watch<'s>(stack: &'s Stack, login: &LoginResponse, owner: &LoginResponse, project: &str) -> Watch<'s> {
    let caller = stack.runtime.authenticator.authenticate(&login.access_token).await.unwrap();
    let owner: UserId = id_of(owner).parse().unwrap();
    Watch { stack, caller, path: Path::project(project.parse::<trinity_ids::ProjectId>().unwrap(), owner) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_grant_stops_within_a_second() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let grant = stack.share(&owner, on(&project, user(&id_of(&ada)), Level::View)).await.unwrap();
    let watch = watch(&stack, &ada, &owner, &project).await;
    assert!(watch.lets_in().await);
    stack.unshare(&owner, &grant.id).await.unwrap();
    watch.stops_within_a_second_of(Instant::now(), "a revoked grant").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_member_and_a_taken_role_stop_within_a_second() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let group = stack.group(&owner, "g").await;
    let shared = on(&project, subject(SubjectType::Group, &group.id), Level::View);
    stack.share(&owner, shared).await.unwrap();
    stack.join(&owner, &group.id, &id_of(&ada)).await.unwrap();
    let watch = watch(&stack, &ada, &owner, &project).await;
    assert!(watch.lets_in().await);
    stack.leave(&owner, &group.id, &id_of(&ada)).await.unwrap();
    watch.stops_within_a_second_of(Instant::now(), "a removed member").await;

    let binding = stack.bind(&owner, "viewer", user(&id_of(&ada)), &project).await.unwrap();
    stack.forget(&ada);
    assert!(watch.lets_in().await);
    stack.unbind(&owner, &binding.id).await.unwrap();
    watch.stops_within_a_second_of(Instant::now(), "a taken role").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_stops_when_it_ends_though_nobody_tells() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let end = crate::grants::in_seconds(2);
    let request = CreateGrantRequest { expires_at: end, ..on(&project, user(&id_of(&ada)), Level::View) };
    stack.share(&owner, request).await.unwrap();
    let watch = watch(&stack, &ada, &owner, &project).await;
    assert!(watch.lets_in().await);
    let end = chrono::DateTime::from_timestamp(end.unwrap().seconds, 0).unwrap();
    let left = (end - Utc::now()).to_std().unwrap_or_default();
    watch.stops_within_a_second_of(Instant::now() + left, "an expired grant").await;
    assert!(Utc::now() >= end, "not before its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_out_or_is_made_inactive_is_nobody_within_a_second() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    for name in ["ada", "bob"] {
        let login = stack.person(&owner, name, &["viewer"]).await;
        let watch = watch(&stack, &login, &owner, &project).await;
        assert!(watch.lets_in().await);
        if name == "ada" {
            stack.auth().logout(by(&login, LogoutRequest {})).await.unwrap();
        } else {
            let off = UpdateUserRequest { user_id: id_of(&login), active: Some(false), ..Default::default() };
            stack.update(&owner, off).await.unwrap();
        }
        watch.stops_within_a_second_of(Instant::now(), name).await;
        let status = stack.auth().get_me(by(&login, GetMeRequest {})).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
    }
}
