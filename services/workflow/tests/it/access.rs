//! Who sees and does what with workflows of one tenant: by ownership, by grants, by bindings, and by the subscription.

use std::collections::BTreeMap;

use chrono::{Duration, Utc};
use sqlx::{Connection, PgConnection};
use trinity_access::{Access, Grant, Level, Object, ObjectKind, Permissions, Standing};
use trinity_error::{Code, Error};
use trinity_ids::{ProjectId, UserId, WorkflowId};
use trinity_proto::workflow as pb;
use trinity_testkit::eventually;
use uuid::Uuid;

use crate::stage::{LIMIT, Person, Stage, answer, new_workflow, next_version, noops};
use crate::tenancy::{all_answers, assert_alike, locate};

fn uuid(id: &str) -> Uuid {
    id.parse().unwrap()
}

async fn list(stage: &Stage, person: &Person, page_token: &str) -> Result<pb::ListWorkflowsResponse, Error> {
    let message = pb::ListWorkflowsRequest {
        project_id: person.project.into(),
        per_page: 2,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    answer(stage.client.clone().list_workflows(person.asks(message)).await)
}

/// Every name of a list, page by page; the total of each page must be how many there are.
async fn listed(stage: &Stage, person: &Person) -> Vec<String> {
    let (mut names, mut totals, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let answer = list(stage, person, &token).await.unwrap();
        names.extend(answer.workflows.into_iter().map(|workflow| workflow.name));
        let page = answer.page.unwrap();
        totals.push(page.total.unwrap());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert!(totals.iter().all(|total| *total == names.len() as u64), "{totals:?} {names:?}");
    names
}

async fn delete(stage: &Stage, person: &Person, id: &str) -> Result<(), Error> {
    let message = pb::DeleteWorkflowRequest { workflow_id: id.to_owned() };
    answer(stage.client.clone().delete_workflow(person.asks(message)).await).map(|_| ())
}

async fn restore(stage: &Stage, person: &Person, id: &str) -> Result<(), Error> {
    let message = pb::RestoreWorkflowRequest { workflow_id: id.to_owned() };
    answer(stage.client.clone().restore_workflow(person.asks(message)).await).map(|_| ())
}

/// What hinders a person from seeing, changing and deleting a workflow.
async fn deeds(stage: &Stage, person: &Person, workflow: &pb::Workflow) -> [Option<Code>; 3] {
    let code = |outcome: Result<(), Error>| outcome.err().map(|error| error.code());
    let update = pb::UpdateWorkflowRequest {
        workflow_id: workflow.id.clone(),
        name: Some(format!("By {}", person.user)),
        ..Default::default()
    };
    [
        code(stage.get(person, &workflow.id).await.map(|_| ())),
        code(answer(stage.client.clone().update_workflow(person.asks(update)).await).map(|_| ())),
        code(delete(stage, person, &workflow.id).await),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_a_workflow_gets_what_a_random_id_gets() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Ours", &noops(&["a"])).await;
    let outsider = stage.person(editor.tenant, editor.project, UserId::new(), "member", &[]);
    let random = WorkflowId::new().to_string();
    assert_alike(&all_answers(&stage, &outsider, &workflow.id).await, &all_answers(&stage, &outsider, &random).await);

    // Not even whether the project exists can be found out.
    let nowhere = outsider.in_project(ProjectId::new());
    for project in [&outsider, &nowhere] {
        assert_eq!(list(&stage, project, "").await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
        let new = new_workflow(project, "Mine", &noops(&["a"]).to_string());
        assert_eq!(stage.save(project, new.clone()).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
        for id in [&workflow.id, &random] {
            let save = pb::SaveCanvasRequest { workflow_id: id.clone(), ..new.clone() };
            assert_eq!(stage.save(project, save).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
        }
    }
    // What is deleted is as hidden as before.
    delete(&stage, &editor, &workflow.id).await.unwrap();
    assert_eq!(restore(&stage, &outsider, &workflow.id).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
    assert_eq!(locate(&stage, &editor, &workflow.id).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_let_do_what_their_level_says() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Shared", &noops(&["a"])).await;
    let with = |grants: &[(ObjectKind, Uuid, Level)]| {
        stage.person(editor.tenant, editor.project, UserId::new(), "member", grants)
    };
    let (seen, denied, hidden) = (None, Some(Code::PermissionDenied), Some(Code::NotFound));
    let on_workflow = |level| with(&[(ObjectKind::Workflow, uuid(&workflow.id), level)]);
    let on_project = |level| with(&[(ObjectKind::Project, editor.project.uuid(), level)]);
    let on_another = with(&[(ObjectKind::Project, ProjectId::new().uuid(), Level::Admin)]);
    assert_eq!(deeds(&stage, &on_another, &workflow).await, [hidden, hidden, hidden]);
    assert_eq!(deeds(&stage, &on_workflow(Level::View), &workflow).await, [seen, denied, denied]);
    assert_eq!(deeds(&stage, &on_workflow(Level::Edit), &workflow).await, [seen, seen, denied]);
    assert_eq!(deeds(&stage, &on_project(Level::View), &workflow).await, [seen, denied, denied]);
    assert_eq!(deeds(&stage, &on_project(Level::Edit), &workflow).await, [seen, seen, denied]);

    // Who has a workflow but not its project saves over the one and adds none to the other.
    let now = stage.get(&editor, &workflow.id).await.unwrap();
    let guest = on_workflow(Level::Edit);
    stage.save(&guest, next_version(&now, &noops(&["b"]).to_string())).await.unwrap();
    let new = |person: &Person| new_workflow(person, "New", &noops(&["n"]).to_string());
    assert_eq!(stage.save(&guest, new(&guest)).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
    let viewer = on_project(Level::View);
    assert_eq!(stage.save(&viewer, new(&viewer)).await.unwrap_err().code(), Code::PermissionDenied);
    let partner = on_project(Level::Edit);
    let made = stage.save(&partner, new(&partner)).await.unwrap().workflow.unwrap();
    assert_eq!(made.created_by, partner.user.to_string());

    // Who shares a project in full, and who made a workflow, deletes and restores.
    for person in [on_project(Level::Admin), on_workflow(Level::Admin), partner] {
        let target = if person.user.to_string() == made.created_by { &made } else { &workflow };
        assert_eq!(deeds(&stage, &person, target).await, [seen, seen, seen]);
        restore(&stage, &person, &target.id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_holds_from_its_start_until_its_end() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Timed", &noops(&["a"])).await;
    let (minute, user) = (Duration::minutes(1), UserId::new());
    let lasting = |starts_at, expires_at| {
        let object = Object { kind: ObjectKind::Workflow, id: uuid(&workflow.id) };
        let grant = Grant { id: Uuid::now_v7(), object, level: Level::View, starts_at, expires_at };
        let access = Access { grants: vec![grant], owner: Some(user), ..Access::default() };
        stage.person_with(editor.tenant, editor.project, user, access)
    };
    let now = Utc::now();
    for (starts, expires, sees) in [
        (None, Some(now + minute), true),
        (Some(now - minute), None, true),
        (Some(now + minute), None, false),
        (None, Some(now), false),
    ] {
        let guest = lasting(starts, expires);
        assert_eq!(stage.get(&guest, &workflow.id).await.is_ok(), sees, "{starts:?} {expires:?}");
        assert_eq!(list(&stage, &guest, "").await.is_ok(), sees, "{starts:?} {expires:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_shows_each_caller_his_own() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let (tenant, project) = (editor.tenant, editor.project);
    let owner = UserId::new();
    stage.registry.add_project(tenant, project, owner);
    let mut ids = Vec::new();
    for name in ["One", "Two", "Three"] {
        ids.push(stage.saved(&editor, name, &noops(&["a"])).await.id);
    }
    let partner =
        stage.person(tenant, project, UserId::new(), "member", &[(ObjectKind::Project, project.uuid(), Level::Edit)]);
    stage.saved(&partner, "Four", &noops(&["a"])).await;

    let all = ["Four", "Three", "Two", "One"];
    let viewer = stage.person(tenant, project, UserId::new(), "viewer", &[]);
    assert_eq!(listed(&stage, &viewer).await, all);
    assert_eq!(listed(&stage, &stage.person(tenant, project, owner, "member", &[])).await, all);
    assert_eq!(listed(&stage, &partner).await, all);
    let bound = Access {
        projects: BTreeMap::from([(project.uuid(), Permissions::of(["workflow.read"]))]),
        ..Access::default()
    };
    assert_eq!(listed(&stage, &stage.person_with(tenant, project, UserId::new(), bound)).await, all);

    let shared: Vec<_> = [&ids[0], &ids[2]].map(|id| (ObjectKind::Workflow, uuid(id), Level::View)).into();
    let guest = stage.person(tenant, project, UserId::new(), "member", &shared);
    assert_eq!(listed(&stage, &guest).await, ["Three", "One"]);
    // Who was taken the project from still has what he made.
    let former = stage.person(tenant, project, partner.user, "member", &[]);
    assert_eq!(listed(&stage, &former).await, ["Four"]);
    // A key that may not read workflows reads none, whoever it belongs to.
    let access = Access { owner: Some(owner), scopes: Some(Permissions::of(["project.read"])), ..Access::default() };
    let key = stage.person_with(tenant, project, owner, access);
    assert_eq!(list(&stage, &key, "").await.unwrap_err().code(), Code::PermissionDenied);

    // A filter that nothing passes leaves an empty list to who sees some, and no list to who sees none.
    let by_atom = |person: &Person| {
        let message = pb::ListWorkflowsRequest {
            project_id: project.into(),
            atom: "csv-reader".to_owned(),
            ..Default::default()
        };
        let request = person.asks(message);
        async { answer(stage.client.clone().list_workflows(request).await) }
    };
    assert_eq!(by_atom(&guest).await.unwrap().workflows, []);
    let outsider = stage.person(tenant, project, UserId::new(), "member", &[]);
    assert_eq!(by_atom(&outsider).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_from_before_owners_were_noted_are_their_creators_and_soon_the_projects_owners() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let (tenant, project, owner) = (editor.tenant, editor.project, UserId::new());
    stage.registry.add_project(tenant, project, owner);
    let workflow = stage.saved(&editor, "Old", &noops(&["a"])).await;
    let mut admin = PgConnection::connect(&stage.db.admin_url()).await.unwrap();
    let age = "UPDATE workflow.workflows SET owner_id = NULL, project_owner_id = NULL";
    sqlx::query(age).execute(&mut admin).await.unwrap();

    let creator = stage.person(tenant, project, editor.user, "member", &[]);
    assert_eq!(stage.get(&creator, &workflow.id).await.unwrap().id, workflow.id);
    let located = locate(&stage, &editor, &workflow.id).await.unwrap();
    assert_eq!((located.owner_id, located.project_owner_id), (editor.user.to_string(), editor.user.to_string()));
    let project_owner = stage.person(tenant, project, owner, "member", &[]);
    assert_eq!(listed(&stage, &project_owner).await, ["Old"]);
    assert_eq!(locate(&stage, &editor, &workflow.id).await.unwrap().project_owner_id, owner.to_string());

    sqlx::query(age).execute(&mut admin).await.unwrap();
    stage.save(&creator, next_version(&workflow, &noops(&["b"]).to_string())).await.unwrap();
    assert_eq!(stage.get(&project_owner, &workflow.id).await.unwrap().version, 2);
    let plan = stage.plan(&editor, &workflow.id, None).await.unwrap();
    assert_eq!((plan.owner_id, plan.project_owner_id), (editor.user.to_string(), owner.to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_subscription_reads_and_does_not_write() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let workflow = stage.saved(&editor, "Paid", &noops(&["a"])).await;
    let save = || next_version(&workflow, &noops(&["b"]).to_string());
    stage.set_standing(editor.tenant, Standing { writable: false, ..Standing::unlimited() });
    let refused = eventually(LIMIT, "the end of the subscription", || async {
        delete(&stage, &editor, &WorkflowId::new().to_string())
            .await
            .err()
            .filter(|error| error.code() != Code::NotFound)
    })
    .await;
    assert_eq!((refused.code(), refused.reason()), (Code::PermissionDenied, "SUBSCRIPTION_EXPIRED"));
    assert_eq!(stage.save(&editor, save()).await.unwrap_err().reason(), "SUBSCRIPTION_EXPIRED");
    assert_eq!(stage.get(&editor, &workflow.id).await.unwrap().version, 1);
    assert_eq!(listed(&stage, &editor).await, ["Paid"]);

    stage.set_standing(editor.tenant, Standing { suspended: true, ..Standing::unlimited() });
    let refused = eventually(LIMIT, "the suspension", || async { stage.get(&editor, &workflow.id).await.err() }).await;
    assert_eq!(refused.reason(), "TENANT_SUSPENDED");
    stage.set_standing(editor.tenant, Standing::unlimited());
    let saved = eventually(LIMIT, "the renewal", || async { stage.save(&editor, save()).await.ok() }).await;
    assert_eq!(saved.workflow.unwrap().version, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_token_of_another_tenant_or_query_is_refused() {
    let stage = Stage::new().await;
    let (editor, stranger) = (stage.editor(), stage.editor());
    let mut last = stage.saved(&editor, "One", &noops(&["a"])).await;
    for name in ["Two", "Three"] {
        last = stage.saved(&editor, name, &noops(&["a"])).await;
    }
    stage.save(&editor, next_version(&last, &noops(&["b"]).to_string())).await.unwrap();
    let token = list(&stage, &editor, "").await.unwrap().page.unwrap().next_page_token;
    list(&stage, &editor, &token).await.unwrap();
    let by_atom = pb::ListWorkflowsRequest {
        project_id: editor.project.into(),
        page_token: token.clone(),
        atom: "noop".to_owned(),
        ..Default::default()
    };
    let versions = |page_token: &str, workflow_id: &str| {
        let (workflow_id, page_token) = (workflow_id.to_owned(), page_token.to_owned());
        let request = editor.asks(pb::ListVersionsRequest { workflow_id, per_page: 1, page_token });
        async { answer(stage.client.clone().list_versions(request).await) }
    };
    let of_versions = versions("", &last.id).await.unwrap().page.unwrap().next_page_token;
    assert_eq!(versions(&of_versions, &last.id).await.unwrap().versions[0].version, 1);
    let another = stage.saved(&editor, "Four", &noops(&["a"])).await.id;
    let refused = [
        list(&stage, &editor.in_project(ProjectId::new()), &token).await.map(|_| ()),
        list(&stage, &stranger, &token).await.map(|_| ()),
        answer(stage.client.clone().list_workflows(editor.asks(by_atom)).await).map(|_| ()),
        versions(&token, &last.id).await.map(|_| ()),
        versions(&of_versions, &another).await.map(|_| ()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, "page_token"));
    }
}
