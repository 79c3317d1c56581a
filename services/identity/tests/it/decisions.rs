//! Where and why somebody may do something.

use tonic::Code;
use trinity_proto::identity::{ExplainRequest, ListAccessibleRequest, LoginResponse, Subject, SubjectType};

use crate::access::{id_of, refused, subject, user};
use crate::stack::{Stack, by, field, tenant_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_explanation_names_every_binding_and_the_group_it_came_through() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["viewer"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&ada));
    let workflow = stack.objects.workflow(&tenant_of(&owner), &id_of(&owner), &project);
    let group = stack.group(&owner, "g").await;
    stack.join(&owner, &group.id, &id_of(&ada)).await.unwrap();
    let bound = stack.bind(&owner, "editor", subject(SubjectType::Group, &group.id), &project).await.unwrap();
    let explain = |permission: &str, caller: &LoginResponse, subject: Option<Subject>| {
        let request = ExplainRequest {
            permission: permission.to_owned(),
            object_type: "workflow".to_owned(),
            object_id: workflow.clone(),
            subject,
        };
        by(caller, request)
    };
    let about = user(&id_of(&ada));
    let answer = stack.access().explain(explain("workflow.read", &owner, about.clone())).await.unwrap().into_inner();
    let mut reasons: Vec<_> = answer
        .reasons
        .iter()
        .map(|reason| [&reason.kind, &reason.gives, &reason.group_id, &reason.object_type, &reason.object_id])
        .collect();
    reasons.sort();
    let none = String::new();
    let [binding, ownership, on_project] = ["binding", "ownership", "project"].map(str::to_owned);
    let [viewer, editor, admin, tenant] = ["viewer", "editor", "admin", "tenant"].map(str::to_owned);
    assert_eq!(
        reasons,
        [
            [&binding, &editor, &group.id, &on_project, &project],
            [&binding, &viewer, &none, &tenant, &none],
            [&ownership, &admin, &none, &on_project, &project],
        ]
    );
    assert!(answer.reasons.iter().any(|reason| reason.id == bound.id));
    let answer = stack.access().explain(explain("audit.read", &owner, about)).await.unwrap().into_inner();
    assert!(!answer.allowed && answer.reasons.is_empty());
    let nosy = stack.access().explain(explain("workflow.read", &ada, user(&id_of(&owner)))).await;
    assert_eq!(refused(nosy).0, Code::PermissionDenied);
    let own = stack.access().explain(explain("workflow.delete", &ada, user(&id_of(&ada)))).await.unwrap().into_inner();
    assert!(own.allowed, "about oneself nobody needs permission to ask");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accessible_is_listed_by_object() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let ada = stack.person(&owner, "ada", &["member"]).await;
    let project = stack.objects.project(&tenant_of(&owner), &id_of(&owner));
    stack.bind(&owner, "runner-to-be", user(&id_of(&ada)), &project).await.unwrap_err();
    stack.bind(&owner, "editor", user(&id_of(&ada)), &project).await.unwrap();
    let ask = |word: &str| ListAccessibleRequest { permission: word.to_owned() };
    let found = stack.access().list_accessible(by(&ada, ask("workflow.update"))).await.unwrap().into_inner();
    assert_eq!((found.everything, found.owned, found.project_ids), (false, true, vec![project]));
    let found = stack.access().list_accessible(by(&ada, ask("audit.read"))).await.unwrap().into_inner();
    assert_eq!(found, Default::default());
    let found = stack.access().list_accessible(by(&owner, ask("audit.read"))).await.unwrap().into_inner();
    assert!(found.everything && found.project_ids.is_empty());
    let status = stack.access().list_accessible(by(&ada, ask("no.such"))).await.unwrap_err();
    assert_eq!(field(&status), "permission");
}
