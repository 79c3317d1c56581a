//! Objects shared with users and groups.

use std::time::{Duration, SystemTime};

use tonic::{Code, Status};
use trinity_context::RequestContext;
use trinity_ids::UserId;
use trinity_proto::Timestamp;
use trinity_proto::identity::delegation_service_client::DelegationServiceClient;
use trinity_proto::identity::{
    CheckRequest, CheckUserRequest, CreateGrantRequest, DeleteGrantRequest, Grant, Level, ListGrantsRequest,
    LoginResponse, Subject, SubjectType,
};

use crate::access::{id_of, subject, user};
use crate::stack::{Stack, by, field, reason, tenant_of};

/// As long as anything may be remembered.
pub const A_SECOND: Duration = Duration::from_secs(1);

/// A moment so many seconds from now.
pub fn in_seconds(seconds: i64) -> Option<Timestamp> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Some(Timestamp { seconds: i64::try_from(now.as_secs()).unwrap() + seconds, nanos: 0 })
}

pub fn on(project_id: &str, subject: Option<Subject>, level: Level) -> CreateGrantRequest {
    CreateGrantRequest { object_id: project_id.to_owned(), subject, level: level.into(), ..Default::default() }
}

impl Stack {
    pub async fn share(&self, caller: &LoginResponse, request: CreateGrantRequest) -> Result<Grant, Status> {
        Ok(self.access().create_grant(by(caller, request)).await?.into_inner().grant.unwrap())
    }

    pub async fn unshare(&self, caller: &LoginResponse, grant_id: &str) -> Result<(), Status> {
        let request = DeleteGrantRequest { grant_id: grant_id.to_owned() };
        self.access().delete_grant(by(caller, request)).await.map(|_| ())
    }

    async fn shared(&self, caller: &LoginResponse, project_id: &str) -> Result<Vec<Grant>, Status> {
        let request = ListGrantsRequest { object_id: project_id.to_owned(), ..Default::default() };
        Ok(self.access().list_grants(by(caller, request)).await?.into_inner().grants)
    }
}

fn answer(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_shares_what_is_his_by_level_and_takes_it_back() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (ada, bob) = (stack.person(&owner, "ada", &["member"]).await, stack.person(&owner, "bob", &["member"]).await);
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&ada));
    let to_bob = || user(&id_of(&bob));

    let view = stack.share(&ada, on(&project, to_bob(), Level::View)).await.unwrap();
    assert_eq!((view.object_type.as_str(), view.created_by.clone()), ("project", id_of(&ada)));
    assert!(stack.may(&bob, "project.read", &project).await && !stack.may(&bob, "workflow.update", &project).await);
    let edit = stack.share(&ada, on(&project, to_bob(), Level::Edit)).await.unwrap();
    assert!(stack.may(&bob, "workflow.update", &project).await && !stack.may(&bob, "grant.manage", &project).await);
    let shared = stack.shared(&ada, &project).await.unwrap();
    assert_eq!(shared, std::slice::from_ref(&edit), "the second takes the first's place");

    stack.forget(&bob);
    let status = stack.share(&bob, on(&project, user(&id_of(&owner)), Level::View)).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "who sees it is told that he may not");
    assert_eq!(stack.shared(&bob, &project).await.unwrap_err().code(), Code::PermissionDenied);
    stack.unshare(&ada, &edit.id).await.unwrap();
    assert!(!stack.may(&bob, "project.read", &project).await);
    assert_eq!(reason(&stack.unshare(&ada, &edit.id).await.unwrap_err()), "GRANT_NOT_FOUND");
    assert!(stack.may(&ada, "project.delete", &project).await, "who owns it keeps it");
    assert_eq!((stack.events_of("grant.create").await.len(), stack.events_of("grant.delete").await.len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_subscription_reads_and_does_not_write() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let share = || on(&project, user(&id_of(&owner)), Level::View);
    let grant = stack.share(&owner, share()).await.unwrap();
    stack.set(&owner, "A", "b").await.unwrap();
    stack.tamper(sqlx::query("UPDATE tenant.subscriptions SET ends_at = now()")).await;
    stack.runtime.authenticator.forget_standing(None);
    let refusals = [
        stack.share(&owner, share()).await.map(|_| ()),
        stack.unshare(&owner, &grant.id).await,
        stack.set(&owner, "A", "c").await,
        stack.user(&owner, "ada@acme.example", &[]).await.map(|_| ()),
    ];
    for refusal in refusals {
        assert_eq!(reason(&refusal.unwrap_err()), "SUBSCRIPTION_EXPIRED");
    }
    assert_eq!(stack.shared(&owner, &project).await.unwrap(), [grant]);
    assert!(stack.may(&owner, "project.delete", &project).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_and_a_workflow_inherit() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let (ada, bob) = (stack.person(&owner, "ada", &["member"]).await, stack.person(&owner, "bob", &["member"]).await);
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let workflow = stack.objects.workflow(&tenant_of(&owner), &id_of(&owner), &project);
    let group = stack.group(&owner, "g").await;
    stack.join(&owner, &group.id, &id_of(&ada)).await.unwrap();
    stack.share(&owner, on(&project, subject(SubjectType::Group, &group.id), Level::Edit)).await.unwrap();
    let just_it =
        CreateGrantRequest { object_type: "workflow".to_owned(), ..on(&workflow, user(&id_of(&bob)), Level::View) };
    stack.share(&owner, just_it).await.unwrap();
    let ask = |caller: &LoginResponse, word: &str| {
        let (object_type, object_id) = ("workflow".to_owned(), workflow.clone());
        by(caller, CheckRequest { permission: word.to_owned(), object_type, object_id, subject: None })
    };
    for (caller, word, expected) in [
        (&ada, "workflow.execute", true),
        (&ada, "workflow.delete", false),
        (&bob, "workflow.read", true),
        (&bob, "workflow.execute", false),
    ] {
        assert_eq!(stack.access().check(ask(caller, word)).await.unwrap().into_inner().allowed, expected, "{word}");
    }
    assert!(!stack.may(&bob, "project.read", &project).await, "what contains it stays out of sight");
    for other in ["folder", "job"] {
        let request =
            CreateGrantRequest { object_type: other.to_owned(), ..on(&project, user(&id_of(&bob)), Level::View) };
        let status = stack.share(&owner, request).await.unwrap_err();
        assert_eq!((status.code(), reason(&status)), (Code::NotFound, format!("{}_NOT_FOUND", other.to_uppercase())));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_ask_what_somebody_who_is_away_may_do() {
    let stack = Stack::start().await;
    let (owner, stranger) = (stack.tenant("acme").await, stack.tenant("other").await);
    let bob = stack.person(&owner, "bob", &["member"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let workflow = stack.objects.workflow(&tenant_of(&owner), &id_of(&owner), &project);
    let may = async |tenant: &LoginResponse, who: &str, object: &str| {
        let request = CheckUserRequest {
            tenant_id: tenant_of(tenant),
            user_id: who.to_owned(),
            permission: "workflow.execute".to_owned(),
            object_type: "workflow".to_owned(),
            object_id: object.to_owned(),
        };
        let mut client = DelegationServiceClient::new(stack.runtime.peers.channel("identity").unwrap());
        let ctx = RequestContext::service("orchestration");
        client.check_user(stack.runtime.peers.request(&ctx, request)).await.unwrap().into_inner().allowed
    };
    let (bob_id, nobody) = (id_of(&bob), UserId::new().to_string());
    assert!(may(&owner, &id_of(&owner), &workflow).await);
    assert!(!may(&owner, &bob_id, &workflow).await);
    let grant = stack.share(&owner, on(&project, user(&bob_id), Level::Edit)).await.unwrap();
    assert!(may(&owner, &bob_id, &workflow).await);
    for (tenant, who, object) in [
        (&stranger, bob_id.as_str(), workflow.as_str()),
        (&owner, nobody.as_str(), workflow.as_str()),
        (&owner, bob_id.as_str(), nobody.as_str()),
    ] {
        assert!(!may(tenant, who, object).await);
    }
    stack.unshare(&owner, &grant.id).await.unwrap();
    assert!(!may(&owner, &bob_id, &workflow).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_foreign_and_invisible_objects_answer_alike() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let other = stack.tenant("other").await;
    let eve = stack.person(&owner, "eve", &["member"]).await;
    let invisible = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    let foreign = stack.objects.project(&tenant_of(&other), &id_of(&other));
    let unknown = trinity_ids::ProjectId::new().to_string();
    let hidden = stack.share(&owner, on(&invisible, user(&id_of(&owner)), Level::View)).await.unwrap().id;
    let elsewhere = stack.share(&other, on(&foreign, user(&id_of(&other)), Level::View)).await.unwrap().id;

    let mut answers = Vec::new();
    for project in [&unknown, &foreign, &invisible] {
        let shared = stack.share(&eve, on(project, user(&id_of(&eve)), Level::View)).await.unwrap_err();
        let listed = stack.shared(&eve, project).await.unwrap_err();
        let checked = stack.check(&eve, "project.read", project, None).await.unwrap();
        answers.push((answer(&shared), answer(&listed), checked));
    }
    assert_eq!((answers[0].0.0, answers[0].2), (Code::NotFound, false));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let mut answers = Vec::new();
    for grant in [&trinity_ids::GrantId::new().to_string(), &elsewhere, &hidden] {
        answers.push(answer(&stack.unshare(&eve, grant).await.unwrap_err()));
    }
    assert_eq!(answers[0].0, Code::NotFound);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    stack.objects.remove(&tenant_of(&owner), &invisible);
    stack.unshare(&owner, &hidden).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_shares_more_than_he_has_or_for_no_time() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    stack.role(&owner, "sharer", &["grant.manage", "project.read"]).await.unwrap();
    let ada = stack.person(&owner, "ada", &["sharer"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    for level in [Level::View, Level::Edit, Level::Admin] {
        let status = stack.share(&ada, on(&project, user(&id_of(&ada)), level)).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_TOO_STRONG"));
    }
    let sound = on(&project, user(&id_of(&ada)), Level::View);
    let requests = [
        ("expires_at", CreateGrantRequest { expires_at: in_seconds(-1), ..sound.clone() }),
        ("starts_at", CreateGrantRequest { starts_at: in_seconds(60), expires_at: in_seconds(30), ..sound.clone() }),
        (
            "expires_at",
            CreateGrantRequest { expires_at: Some(Timestamp { seconds: i64::MAX, nanos: -1 }), ..sound.clone() },
        ),
        ("level", CreateGrantRequest { level: 0, ..sound.clone() }),
        ("subject", CreateGrantRequest { subject: None, ..sound.clone() }),
        ("subject.id", CreateGrantRequest { subject: user("7"), ..sound.clone() }),
        ("subject.type", on(&project, subject(SubjectType::ServiceAccount, &id_of(&ada)), Level::View)),
        ("object_type", CreateGrantRequest { object_type: "tenant".to_owned(), ..sound.clone() }),
        ("object_id", CreateGrantRequest { object_id: "7".to_owned(), ..sound.clone() }),
    ];
    for (name, request) in requests {
        assert_eq!(field(&stack.share(&owner, request).await.unwrap_err()), name);
    }
    let foreign = stack.tenant("other").await;
    let status = stack.share(&owner, on(&project, user(&id_of(&foreign)), Level::View)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "USER_NOT_FOUND"));
    let later = CreateGrantRequest { starts_at: in_seconds(60), expires_at: in_seconds(90), ..sound };
    stack.share(&owner, later).await.unwrap();
    let eve = stack.person(&owner, "eve", &["member"]).await;
    stack
        .share(
            &owner,
            CreateGrantRequest { starts_at: in_seconds(60), ..on(&project, user(&id_of(&eve)), Level::View) },
        )
        .await
        .unwrap();
    assert!(!stack.may(&eve, "project.read", &project).await, "it has not begun");
}
