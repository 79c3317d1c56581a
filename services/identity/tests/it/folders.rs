//! Folders and jobs as objects of grants: what flows down, who decides, and what moves take away.

use std::sync::Arc;

use chrono::Utc;
use tonic::{Code, Status};
use trinity_access::{Access, ObjectKind, Path};
use trinity_ids::UserId;
use trinity_proto::identity::{
    CheckRequest, CreateGrantRequest, ExplainRequest, Grant, Level, ListGrantsRequest, LoginResponse, Subject,
    SubjectType,
};
use uuid::Uuid;

use crate::access::{id_of, refused, subject, user};
use crate::grants::in_seconds;
use crate::stack::{Stack, by, tenant_of};

/// A project of the owner's with one folder in another, a workflow and a job in the inner one, and a workflow beside.
struct House {
    stack: Stack,
    owner: LoginResponse,
    tenant: String,
    project: String,
    outer: String,
    inner: String,
    workflow: String,
    job: String,
    beside: String,
}

impl House {
    async fn build() -> Self {
        let stack = Stack::start().await;
        let owner = stack.tenant("acme").await;
        let (tenant, me) = (tenant_of(&owner), id_of(&owner));
        let objects = stack.objects.clone();
        let project = objects.project(&tenant, &me);
        let outer = objects.folder(&tenant, &project, "");
        let inner = objects.folder(&tenant, &project, &outer);
        let workflow = objects.workflow_in(&tenant, &me, &project, &inner);
        let job = objects.job(&tenant, &me, &project, &inner);
        let beside = objects.workflow(&tenant, &me, &project);
        Self { stack, owner, tenant, project, outer, inner, workflow, job, beside }
    }

    async fn share(&self, kind: &str, id: &str, subject: Option<Subject>, level: Level) -> Result<Grant, Status> {
        self.stack.share(&self.owner, grant_on(kind, id, subject, level)).await
    }

    async fn may(&self, caller: &LoginResponse, word: &str, kind: &str, id: &str) -> bool {
        let (object_type, object_id) = (kind.to_owned(), id.to_owned());
        let request = CheckRequest { permission: word.to_owned(), object_type, object_id, subject: None };
        self.stack.access().check(by(caller, request)).await.unwrap().into_inner().allowed
    }

    /// What a service has of a caller, after it heard of a change.
    async fn access(&self, caller: &LoginResponse) -> Arc<Access> {
        self.stack.forget(caller);
        let caller = self.stack.runtime.authenticator.authenticate(&caller.access_token).await.unwrap();
        self.stack.runtime.authenticator.access(&caller).await.unwrap()
    }

    /// An object as the service sees it that has it: in its project.
    fn flat(&self, kind: ObjectKind, id: &str) -> Path {
        let owner: UserId = id_of(&self.owner).parse().unwrap();
        let project = Path::project(self.project.parse::<Uuid>().unwrap(), owner);
        project.containing(kind, id.parse::<Uuid>().unwrap(), None)
    }

    async fn sees(&self, caller: &LoginResponse) -> Vec<&str> {
        let access = self.access(caller).await;
        let things = [
            ("outer", ObjectKind::Folder, &self.outer, "project.read"),
            ("inner", ObjectKind::Folder, &self.inner, "project.read"),
            ("workflow", ObjectKind::Workflow, &self.workflow, "workflow.read"),
            ("job", ObjectKind::Job, &self.job, "workflow.read"),
            ("beside", ObjectKind::Workflow, &self.beside, "workflow.read"),
        ];
        let seen = things.into_iter().filter(|(_, kind, id, word)| {
            let (path, now) = (self.flat(*kind, id), Utc::now());
            let allowed = access.allows(word, &path, now);
            assert_eq!(access.visible(word, now).covers(&path), allowed, "a list shows what may be asked for");
            allowed
        });
        seen.map(|(name, ..)| name).collect()
    }
}

fn grant_on(kind: &str, id: &str, subject: Option<Subject>, level: Level) -> CreateGrantRequest {
    CreateGrantRequest {
        object_type: kind.to_owned(),
        object_id: id.to_owned(),
        subject,
        level: level.into(),
        ..CreateGrantRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_shares_all_that_is_in_it_however_deep_and_nothing_beside() {
    let house = House::build().await;
    let ada = house.stack.person(&house.owner, "ada", &["member"]).await;
    let grant = house.share("folder", &house.outer, user(&id_of(&ada)), Level::Edit).await.unwrap();
    assert_eq!(house.sees(&ada).await, ["outer", "inner", "workflow", "job"]);
    for (kind, id) in [("workflow", &house.workflow), ("job", &house.job)] {
        assert!(house.may(&ada, "workflow.execute", kind, id).await, "{kind}");
        assert!(!house.may(&ada, "workflow.delete", kind, id).await, "{kind}");
    }
    assert!(house.may(&ada, "project.update", "folder", &house.inner).await);
    assert!(!house.may(&ada, "workflow.read", "workflow", &house.beside).await);
    assert!(!house.may(&ada, "project.read", "project", &house.project).await, "what contains it stays out of sight");

    house.stack.unshare(&house.owner, &grant.id).await.unwrap();
    assert!(house.sees(&ada).await.is_empty());
    house.share("folder", &house.inner, user(&id_of(&ada)), Level::View).await.unwrap();
    assert_eq!(house.sees(&ada).await, ["inner", "workflow", "job"], "and nothing above");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_shared_by_itself_and_by_what_it_lies_in() {
    let house = House::build().await;
    let (ada, bob) = (
        house.stack.person(&house.owner, "ada", &["member"]).await,
        house.stack.person(&house.owner, "bob", &["member"]).await,
    );
    let group = house.stack.group(&house.owner, "g").await;
    house.stack.join(&house.owner, &group.id, &id_of(&bob)).await.unwrap();
    house.share("job", &house.job, user(&id_of(&ada)), Level::Edit).await.unwrap();
    assert_eq!(house.sees(&ada).await, ["job"], "a job names its workflows and does not contain them");
    assert!(house.may(&ada, "workflow.execute", "job", &house.job).await);
    assert!(!house.may(&ada, "workflow.delete", "job", &house.job).await);

    let of_group = house.share("job", &house.job, subject(SubjectType::Group, &group.id), Level::Admin).await.unwrap();
    let listed = ListGrantsRequest {
        object_type: "job".to_owned(),
        object_id: house.job.clone(),
        ..ListGrantsRequest::default()
    };
    house.stack.forget(&bob);
    let grants = house.stack.access().list_grants(by(&bob, listed)).await.unwrap().into_inner().grants;
    assert_eq!((grants.len(), &grants[0].id), (2, &of_group.id), "who has it in full sees with whom it is shared");
    let denied = house.stack.share(&ada, grant_on("job", &house.job, user(&id_of(&ada)), Level::Admin)).await;
    assert_eq!(refused(denied).0, Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_changes_who_sees_what() {
    let house = House::build().await;
    let ada = house.stack.person(&house.owner, "ada", &["member"]).await;
    house.share("folder", &house.outer, user(&id_of(&ada)), Level::View).await.unwrap();
    assert_eq!(house.sees(&ada).await, ["outer", "inner", "workflow", "job"]);
    house.stack.objects.move_folder(&house.tenant, &house.inner, &house.project, "");
    assert_eq!(house.sees(&ada).await, ["outer"]);
    assert!(!house.may(&ada, "workflow.read", "workflow", &house.workflow).await);
    house.stack.objects.move_folder(&house.tenant, &house.inner, &house.project, &house.outer);
    assert_eq!(house.sees(&ada).await, ["outer", "inner", "workflow", "job"]);
    assert!(house.may(&ada, "workflow.read", "job", &house.job).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_names_the_grant_on_the_folder_that_decided() {
    let house = House::build().await;
    let ada = house.stack.person(&house.owner, "ada", &["member"]).await;
    let grant = house.share("folder", &house.outer, user(&id_of(&ada)), Level::View).await.unwrap();
    let explain = ExplainRequest {
        permission: "workflow.read".to_owned(),
        object_type: "job".to_owned(),
        object_id: house.job.clone(),
        subject: None,
    };
    let answer = house.stack.access().explain(by(&ada, explain.clone())).await.unwrap().into_inner();
    let [reason] = answer.reasons.as_slice() else { panic!("{answer:?}") };
    assert_eq!((reason.kind.as_str(), reason.gives.as_str()), ("grant", "view"));
    assert_eq!((&reason.id, reason.object_type.as_str(), &reason.object_id), (&grant.id, "folder", &house.outer));
    let about_ada = ExplainRequest { subject: user(&id_of(&ada)), ..explain };
    let answer = house.stack.access().explain(by(&house.owner, about_ada)).await.unwrap().into_inner();
    assert_eq!(answer.reasons.len(), 1, "who sees the job may ask about others");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_and_jobs_that_are_unknown_foreign_or_out_of_sight_answer_alike() {
    let house = House::build().await;
    let other = house.stack.tenant("other").await;
    let (theirs, them) = (tenant_of(&other), id_of(&other));
    let project = house.stack.objects.project(&theirs, &them);
    let foreign = [
        ("folder", house.stack.objects.folder(&theirs, &project, "")),
        ("job", house.stack.objects.job(&theirs, &them, &project, "")),
    ];
    let hidden = [("folder", house.outer.clone()), ("job", house.job.clone())];
    let random = ["folder", "job"].map(|kind| (kind, Uuid::now_v7().to_string()));
    let eve = house.stack.person(&house.owner, "eve", &["member"]).await;
    let mut answers = Vec::new();
    for objects in [random, foreign, hidden] {
        let mut told = Vec::new();
        for (kind, id) in objects {
            let status =
                house.stack.share(&eve, grant_on(kind, &id, user(&id_of(&eve)), Level::View)).await.unwrap_err();
            assert_eq!(status.code(), Code::NotFound);
            told.push((
                status.message().to_owned(),
                status.details().to_vec(),
                house.may(&eve, "workflow.read", kind, &id).await,
            ));
        }
        answers.push(told);
    }
    assert!(answers.iter().all(|told| *told == answers[0]), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_folder_reaches_begins_and_ends_with_its_grant() {
    let house = House::build().await;
    let ada = house.stack.person(&house.owner, "ada", &["member"]).await;
    let timed = CreateGrantRequest {
        starts_at: in_seconds(60),
        expires_at: in_seconds(120),
        ..grant_on("folder", &house.outer, user(&id_of(&ada)), Level::View)
    };
    house.stack.share(&house.owner, timed).await.unwrap();
    let access = house.access(&ada).await;
    let path = house.flat(ObjectKind::Workflow, &house.workflow);
    let at = |seconds| Utc::now() + chrono::TimeDelta::seconds(seconds);
    let seen = [0, 90, 150].map(|seconds| access.allows("workflow.read", &path, at(seconds)));
    assert_eq!(seen, [false, true, false]);
}
