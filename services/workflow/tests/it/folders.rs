//! Workflows and jobs in folders: making them there, moving them, listing them, and who may.

use serde_json::{Value, json};
use trinity_access::{Access, Grant, Level, Object, ObjectKind, Permissions};
use trinity_error::{Code, Error};
use trinity_ids::{FolderId, JobId, ProjectId, TenantId, UserId, WorkflowId};
use trinity_proto::workflow as pb;
use trinity_proto::workflow::find_place_request::Thing;
use trinity_proto::workflow::job_service_client::JobServiceClient;
use trinity_proto::workflow::placement_service_client::PlacementServiceClient;
use trinity_testkit::eventually;
use uuid::Uuid;

use crate::stage::{LIMIT, Person, Stage, answer, new_workflow, next_version, noops, text};

impl Stage {
    fn placements(&self) -> PlacementServiceClient<tonic::transport::Channel> {
        PlacementServiceClient::new(self.channel.clone())
    }

    fn jobs(&self) -> JobServiceClient<tonic::transport::Channel> {
        JobServiceClient::new(self.channel.clone())
    }

    async fn save_in(&self, person: &Person, folder: FolderId, name: &str) -> Result<pb::Workflow, Error> {
        let new = new_workflow(person, name, &noops(&["a"]).to_string());
        let request = pb::SaveCanvasRequest { folder_id: folder.into(), ..new };
        Ok(self.save(person, request).await?.workflow.unwrap())
    }

    async fn job_in(&self, person: &Person, project: &str, folder: &str, name: &str) -> Result<pb::Job, Error> {
        let request = pb::CreateJobRequest {
            project_id: project.to_owned(),
            folder_id: folder.to_owned(),
            name: name.to_owned(),
            ..Default::default()
        };
        answer(self.jobs().create_job(person.asks(request)).await).map(|answer| answer.job.unwrap())
    }

    async fn move_workflow(&self, person: &Person, id: &str, folder: &str) -> Result<pb::Workflow, Error> {
        let request = pb::MoveWorkflowRequest { workflow_id: id.to_owned(), folder_id: folder.to_owned() };
        let moved = answer(self.placements().move_workflow(person.asks(request)).await);
        moved.map(|answer| answer.workflow.unwrap())
    }

    async fn move_job(&self, person: &Person, id: &str, folder: &str) -> Result<pb::Job, Error> {
        let request = pb::MoveJobRequest { job_id: id.to_owned(), folder_id: folder.to_owned() };
        answer(self.placements().move_job(person.asks(request)).await).map(|answer| answer.job.unwrap())
    }

    async fn workflows_in(&self, person: &Person, project: &str, folder: &str) -> Result<Vec<String>, Error> {
        let (project_id, folder_id) = (project.to_owned(), folder.to_owned());
        let request = pb::ListWorkflowsRequest { project_id, folder_id, ..Default::default() };
        let listed = answer(self.client.clone().list_workflows(person.asks(request)).await)?;
        Ok(listed.workflows.into_iter().map(|workflow| workflow.name).collect())
    }

    async fn jobs_in(&self, person: &Person, project: &str, folder: &str) -> Result<Vec<String>, Error> {
        let (project_id, folder_id) = (project.to_owned(), folder.to_owned());
        let request = pb::ListJobsRequest { project_id, folder_id, ..Default::default() };
        let listed = answer(self.jobs().list_jobs(person.asks(request)).await)?;
        Ok(listed.jobs.into_iter().map(|job| job.name).collect())
    }

    async fn place(&self, tenant: TenantId, thing: Thing) -> Result<pb::FindPlaceResponse, Error> {
        let request = pb::FindPlaceRequest { tenant_id: tenant.into(), thing: Some(thing) };
        answer(self.placements().find_place(self.by_service(request)).await)
    }

    async fn contents(&self, tenant: TenantId, folder: FolderId) -> pb::FolderContents {
        let request = pb::ListFolderContentsRequest { tenant_id: tenant.into(), folder_ids: vec![folder.into()] };
        let listed = answer(self.placements().list_folder_contents(self.by_service(request)).await).unwrap();
        listed.folders.into_iter().next().unwrap_or_default()
    }
}

/// Somebody with grants as the identity service tells of them: those on a folder with what they reach.
fn guest(stage: &Stage, of: &Person, level: Level, objects: &[(ObjectKind, &str)]) -> Person {
    let grants: Vec<_> = objects.iter().map(|(kind, id)| (*kind, id.parse::<Uuid>().unwrap(), level)).collect();
    stage.person(of.tenant, of.project, UserId::new(), "member", &grants)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn things_are_made_in_folders_listed_there_and_moved() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let (tenant, project) = (editor.tenant, editor.project.to_string());
    let folder = stage.registry.add_folder(tenant, editor.project);
    let (id, other) = (folder.to_string(), stage.registry.add_folder(tenant, editor.project).to_string());
    let inside = stage.save_in(&editor, folder, "Inside").await.unwrap();
    let beside = stage.saved(&editor, "Beside", &noops(&["a"])).await;
    assert_eq!((inside.folder_id.as_deref(), beside.folder_id.as_deref()), (Some(id.as_str()), None));
    let job = stage.job_in(&editor, "", &id, "Job").await.unwrap();
    assert_eq!((&job.project_id, job.folder_id.as_deref()), (&project, Some(id.as_str())));
    stage.job_in(&editor, &project, "", "Other job").await.unwrap();

    for project in ["", &project] {
        assert_eq!(stage.workflows_in(&editor, project, &id).await.unwrap(), ["Inside"]);
        assert_eq!(stage.jobs_in(&editor, project, &id).await.unwrap(), ["Job"]);
    }
    assert_eq!(stage.workflows_in(&editor, &project, "").await.unwrap(), ["Beside", "Inside"]);
    assert!(stage.workflows_in(&editor, "", &other).await.unwrap().is_empty());
    let nowhere = stage.workflows_in(&editor, "", "").await.unwrap_err();
    assert_eq!(nowhere.violations()[0].field, "project_id");

    let moved = stage.move_workflow(&editor, &inside.id, &other).await.unwrap();
    assert_eq!((moved.folder_id.as_deref(), moved.version), (Some(other.as_str()), 1), "a move makes no version");
    assert!(moved.canvas.is_some());
    assert_eq!(stage.move_job(&editor, &job.id, "").await.unwrap().folder_id, None);
    assert!(stage.workflows_in(&editor, "", &id).await.unwrap().is_empty());
    assert_eq!(stage.get(&editor, &inside.id).await.unwrap().folder_id.as_deref(), Some(other.as_str()));
    let saved = stage.save(&editor, next_version(&moved, &noops(&["b"]).to_string())).await.unwrap();
    assert_eq!(saved.workflow.unwrap().folder_id.as_deref(), Some(other.as_str()), "a save leaves it there");
    let twice = pb::SaveCanvasRequest { folder_id: id, ..next_version(&moved, &noops(&["b"]).to_string()) };
    assert_eq!(stage.save(&editor, twice).await.unwrap_err().violations()[0].field, "folder_id");

    stage.move_workflow(&editor, &inside.id, &other).await.unwrap();
    let told = eventually(LIMIT, "the events", || async {
        let events = stage.audit.events();
        let moves: Vec<_> = events.into_iter().filter(|event| event.action.ends_with(".move")).collect();
        (moves.len() >= 2).then_some(moves)
    })
    .await;
    assert_eq!(told.iter().map(|event| event.action.as_str()).collect::<Vec<_>>(), ["workflow.move", "job.move"]);
    let facts = |json: &Option<_>| serde_json::from_str::<Value>(text(json)).unwrap()["folder_id"].clone();
    assert_eq!((facts(&told[0].before), facts(&told[0].after)), (json!(folder), json!(other)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_services_learn_where_things_lie() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let tenant = editor.tenant;
    let folder = stage.registry.add_folder(tenant, editor.project);
    let workflow = stage.save_in(&editor, folder, "W").await.unwrap().id;
    let gone = stage.save_in(&editor, folder, "Gone").await.unwrap().id;
    let job = stage.job_in(&editor, "", &folder.to_string(), "J").await.unwrap().id;
    let delete = pb::DeleteWorkflowRequest { workflow_id: gone.clone() };
    answer(stage.client.clone().delete_workflow(editor.asks(delete)).await).unwrap();
    for thing in [Thing::WorkflowId(workflow.clone()), Thing::JobId(job.clone())] {
        let place = stage.place(tenant, thing.clone()).await.unwrap();
        assert_eq!((place.owner_id, place.project_id), (editor.user.to_string(), editor.project.to_string()));
        assert_eq!(place.folder_id, folder.to_string());
        stage.place(TenantId::new(), thing).await.unwrap_err();
    }
    let reason = |answer: Result<pb::FindPlaceResponse, Error>| answer.unwrap_err().reason().to_owned();
    assert_eq!(reason(stage.place(tenant, Thing::WorkflowId(gone.clone())).await), "WORKFLOW_NOT_FOUND");
    assert_eq!(reason(stage.place(tenant, Thing::JobId(JobId::new().into())).await), "JOB_NOT_FOUND");
    let contents = stage.contents(tenant, folder).await;
    assert_eq!((contents.workflow_ids, contents.job_ids, contents.live), (vec![gone, workflow], vec![job], 2));
    assert_eq!(stage.contents(TenantId::new(), folder).await, pb::FolderContents::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_a_folder_works_in_it_and_sees_nothing_beside() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let project = editor.project.to_string();
    let folder = stage.registry.add_folder(editor.tenant, editor.project);
    let id = folder.to_string();
    let inside = stage.save_in(&editor, folder, "Inside").await.unwrap();
    let beside = stage.saved(&editor, "Beside", &noops(&["a"])).await;
    let job = stage.job_in(&editor, "", &id, "Job").await.unwrap();
    stage.job_in(&editor, &project, "", "Other job").await.unwrap();
    let reach = [(ObjectKind::Folder, id.as_str()), (ObjectKind::Workflow, &inside.id), (ObjectKind::Job, &job.id)];

    let viewer = guest(&stage, &editor, Level::View, &reach);
    for (project, folder) in [(project.as_str(), ""), ("", id.as_str())] {
        assert_eq!(stage.workflows_in(&viewer, project, folder).await.unwrap(), ["Inside"]);
        assert_eq!(stage.jobs_in(&viewer, project, folder).await.unwrap(), ["Job"]);
    }
    assert_eq!(stage.get(&viewer, &beside.id).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
    assert_eq!(stage.save_in(&viewer, folder, "New").await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(stage.job_in(&viewer, "", &id, "New").await.unwrap_err().code(), Code::PermissionDenied);

    let worker = guest(&stage, &editor, Level::Edit, &reach);
    let made = stage.save_in(&worker, folder, "Made").await.unwrap();
    assert_eq!(stage.job_in(&worker, "", &id, "Made too").await.unwrap().created_by, worker.user.to_string());
    let new = new_workflow(&worker, "Out", &noops(&["a"]).to_string());
    assert_eq!(stage.save(&worker, new).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
    assert_eq!(stage.move_workflow(&worker, &made.id, "").await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
    // A slug that is taken out of his sight is taken, and that is all.
    let taken = stage.save_in(&worker, folder, "Beside").await.unwrap_err();
    assert_eq!(taken.reason(), "SLUG_TAKEN");
    assert!(!format!("{taken:?}").contains(&beside.id), "{taken:?}");
    assert_eq!(
        stage.workflows_in(&viewer, "", &id).await.unwrap(),
        ["Made", "Inside"],
        "a folder shows all that is in it"
    );

    let outsider = guest(&stage, &editor, Level::View, &[]);
    let random = FolderId::new().to_string();
    for folder in [&id, &random] {
        let answers = [
            stage.workflows_in(&outsider, "", folder).await.map(drop),
            stage.jobs_in(&outsider, &project, folder).await.map(drop),
            stage.job_in(&outsider, "", folder, "Mine").await.map(drop),
            stage.save_in(&outsider, folder.parse().unwrap(), "Mine").await.map(drop),
            stage.move_workflow(&editor, &inside.id, &random).await.map(drop),
        ];
        for refused in answers {
            let error = refused.unwrap_err();
            assert_eq!((error.reason(), error.to_string().as_str()), ("FOLDER_NOT_FOUND", "folder not found"));
        }
    }
    let elsewhere = editor.in_project(ProjectId::new());
    stage.registry.add_project(editor.tenant, elsewhere.project, UserId::new());
    let theirs = stage.registry.add_folder(editor.tenant, elsewhere.project);
    assert_eq!(stage.save_in(&editor, theirs, "Across").await.unwrap_err().reason(), "FOLDER_NOT_FOUND");
    assert_eq!(
        stage.move_workflow(&editor, &inside.id, &theirs.to_string()).await.unwrap_err().reason(),
        "FOLDER_NOT_FOUND"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_asks_for_what_sharing_asks_for_and_nobody_gains_by_it() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let folder = stage.registry.add_folder(editor.tenant, editor.project);
    let id = folder.to_string();
    let workflow = stage.saved(&editor, "W", &noops(&["a"])).await.id;
    let job = stage.job_in(&editor, &editor.project.to_string(), "", "J").await.unwrap().id;
    let colleague = stage.colleague(editor.tenant, editor.project);
    let denied = stage.move_workflow(&colleague, &workflow, &id).await.unwrap_err();
    assert_eq!((denied.code(), denied.reason()), (Code::PermissionDenied, "PERMISSION_DENIED"));
    assert_eq!(stage.move_job(&colleague, &job, &id).await.unwrap_err().code(), Code::PermissionDenied);

    // Who may share and change both, and has one folder in full, would have them in full there.
    let words = Permissions::of(["workflow.read", "workflow.update", "grant.manage"]);
    let object = Object { kind: ObjectKind::Folder, id: folder.uuid() };
    let grant = Grant { id: Uuid::now_v7(), object, level: Level::Admin, starts_at: None, expires_at: None };
    let access = Access { tenant: words, grants: vec![grant], ..Access::default() };
    let schemer = stage.person_with(editor.tenant, editor.project, UserId::new(), access);
    assert_eq!(stage.move_workflow(&schemer, &workflow, &id).await.unwrap_err().reason(), "MOVE_GIVES_MORE");
    assert_eq!(stage.move_job(&schemer, &job, &id).await.unwrap_err().reason(), "MOVE_GIVES_MORE");
    let other = stage.registry.add_folder(editor.tenant, editor.project).to_string();
    stage.move_workflow(&schemer, &workflow, &other).await.unwrap();

    // Who may not see it learns no more than of a random id.
    let outsider = guest(&stage, &editor, Level::View, &[]);
    for (workflow, job) in [(workflow, job), (WorkflowId::new().to_string(), JobId::new().to_string())] {
        assert_eq!(stage.move_workflow(&outsider, &workflow, &id).await.unwrap_err().to_string(), "workflow not found");
        assert_eq!(stage.move_job(&outsider, &job, &id).await.unwrap_err().to_string(), "job not found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_to_a_folder_that_is_gone_lies_in_none() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    for gone in [false, true] {
        let folder = stage.registry.add_folder(editor.tenant, editor.project);
        let workflow = stage.save_in(&editor, folder, "W").await.unwrap().id;
        let job = stage.job_in(&editor, "", &folder.to_string(), "J").await.unwrap().id;
        let delete = pb::DeleteWorkflowRequest { workflow_id: workflow.clone() };
        answer(stage.client.clone().delete_workflow(editor.asks(delete)).await).unwrap();
        answer(stage.jobs().delete_job(editor.asks(pb::DeleteJobRequest { job_id: job.clone() })).await).unwrap();
        if gone {
            stage.registry.remove_folder(editor.tenant, folder);
        }
        let left = (!gone).then(|| folder.to_string());
        let restore = pb::RestoreWorkflowRequest { workflow_id: workflow.clone() };
        let back = answer(stage.client.clone().restore_workflow(editor.asks(restore)).await).unwrap();
        assert_eq!(back.workflow.unwrap().folder_id, left);
        let restore = pb::RestoreJobRequest { job_id: job.clone() };
        assert_eq!(answer(stage.jobs().restore_job(editor.asks(restore)).await).unwrap().job.unwrap().folder_id, left);
        let delete = pb::DeleteWorkflowRequest { workflow_id: workflow };
        answer(stage.client.clone().delete_workflow(editor.asks(delete)).await).unwrap();
        answer(stage.jobs().delete_job(editor.asks(pb::DeleteJobRequest { job_id: job })).await).unwrap();
    }
}
