//! Jobs: who may do what with them, what cannot be one, and the plan that orchestration gets.

use serde_json::{Value, json};
use trinity_access::{Level, ObjectKind};
use trinity_error::{Code, Error};
use trinity_ids::{JobId, ProjectId, UserId, WorkflowId};
use trinity_proto::common::Json;
use trinity_proto::workflow as pb;
use trinity_proto::workflow::job_service_client::JobServiceClient;
use trinity_testkit::eventually;

use crate::stage::{LIMIT, Person, Stage, answer, noops, text};

type Client = JobServiceClient<tonic::transport::Channel>;

fn client(stage: &Stage) -> Client {
    JobServiceClient::new(stage.channel.clone())
}

fn step(workflow: &str, depends_on: &[&str]) -> pb::JobStep {
    let depends_on = depends_on.iter().map(|&id| id.to_owned()).collect();
    pb::JobStep { workflow_id: workflow.to_owned(), depends_on }
}

async fn create(stage: &Stage, person: &Person, name: &str, steps: Vec<pb::JobStep>) -> Result<pb::Job, Error> {
    let request = pb::CreateJobRequest {
        project_id: person.project.into(),
        name: name.to_owned(),
        package: "nightly".to_owned(),
        steps,
        ..Default::default()
    };
    answer(client(stage).create_job(person.asks(request)).await).map(|answer| answer.job.unwrap())
}

async fn update(stage: &Stage, person: &Person, request: pb::UpdateJobRequest) -> Result<pb::Job, Error> {
    answer(client(stage).update_job(person.asks(request)).await).map(|answer| answer.job.unwrap())
}

async fn get(stage: &Stage, person: &Person, id: &str) -> Result<pb::Job, Error> {
    let request = person.asks(pb::GetJobRequest { job_id: id.to_owned() });
    answer(client(stage).get_job(request).await).map(|answer| answer.job.unwrap())
}

async fn delete(stage: &Stage, person: &Person, id: &str) -> Result<(), Error> {
    let request = person.asks(pb::DeleteJobRequest { job_id: id.to_owned() });
    answer(client(stage).delete_job(request).await).map(|_| ())
}

async fn restore(stage: &Stage, person: &Person, id: &str) -> Result<pb::Job, Error> {
    let request = person.asks(pb::RestoreJobRequest { job_id: id.to_owned() });
    answer(client(stage).restore_job(request).await).map(|answer| answer.job.unwrap())
}

async fn list(stage: &Stage, person: &Person, request: pb::ListJobsRequest) -> Result<pb::ListJobsResponse, Error> {
    let request = pb::ListJobsRequest { project_id: person.project.into(), ..request };
    answer(client(stage).list_jobs(person.asks(request)).await)
}

async fn plan(stage: &Stage, person: &Person, id: &str) -> Result<pb::GetJobPlanResponse, Error> {
    let message = pb::GetJobPlanRequest { tenant_id: person.tenant.into(), job_id: id.to_owned() };
    answer(client(stage).get_job_plan(stage.by_service(message)).await)
}

/// Workflows of these names.
async fn workflows<const N: usize>(stage: &Stage, person: &Person, names: [&str; N]) -> [String; N] {
    let mut ids = Vec::new();
    for name in names {
        ids.push(stage.saved(person, name, &noops(&["a"])).await.id);
    }
    ids.try_into().unwrap()
}

fn names(answer: &pb::ListJobsResponse) -> Vec<&str> {
    answer.jobs.iter().map(|job| job.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_becomes_a_plan_of_its_workflows_in_order() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let [load, clean, report] = workflows(&stage, &editor, ["Load it", "Clean it", "Report it"]).await;
    let steps = vec![step(&report, &[&load, &clean]), step(&clean, &[&load]), step(&load, &[])];
    let job = create(&stage, &editor, "Nightly", steps.clone()).await.unwrap();
    assert_eq!((job.version, &job.steps, text(&job.notifications)), (1, &steps, "{}"));
    assert_eq!(get(&stage, &editor, &job.id).await.unwrap(), job);

    let planned = plan(&stage, &editor, &job.id).await.unwrap();
    assert_eq!((planned.job_name.as_str(), planned.version, planned.faults.len()), ("Nightly", 1, 0));
    assert_eq!(planned.owner_id, editor.user.to_string());
    let tasks = planned.plan.unwrap().tasks;
    let told = |task: &pb::PlanTask| {
        let config: Value = serde_json::from_str(text(&task.config)).unwrap();
        let from: Vec<u32> = task.inputs.iter().map(|input| input.from).collect();
        (task.place.clone(), task.atom.clone(), config["workflow"].as_str().unwrap().to_owned(), from)
    };
    let expected = [
        ("load-it", "workflow", load.clone(), vec![]),
        ("clean-it", "workflow", clean, vec![0]),
        ("report-it", "workflow", report, vec![0, 1]),
    ];
    let expected = expected.map(|(place, atom, id, from)| (place.to_owned(), atom.to_owned(), id, from));
    assert_eq!(tasks.iter().map(told).collect::<Vec<_>>(), expected);
    assert!(tasks.iter().all(|task| task.atom_version == "1.0.0"));

    // Without one of its workflows it cannot be run, until that is back.
    let gone = pb::DeleteWorkflowRequest { workflow_id: load.clone() };
    answer(stage.client.clone().delete_workflow(editor.asks(gone)).await).unwrap();
    let planned = plan(&stage, &editor, &job.id).await.unwrap();
    assert_eq!(planned.plan, None);
    assert_eq!(
        (planned.faults[0].place.as_str(), planned.faults[0].code.as_str()),
        ("steps[2].workflow_id", "unknown_workflow")
    );
    let back = pb::RestoreWorkflowRequest { workflow_id: load };
    answer(stage.client.clone().restore_workflow(editor.asks(back)).await).unwrap();
    assert_eq!(plan(&stage, &editor, &job.id).await.unwrap().plan.unwrap().tasks.len(), 3);
    let empty = create(&stage, &editor, "Empty", vec![]).await.unwrap();
    assert_eq!(plan(&stage, &editor, &empty.id).await.unwrap().faults[0].code, "empty");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_cannot_be_are_named() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let [a, b] = workflows(&stage, &editor, ["A", "B"]).await;
    let elsewhere = editor.in_project(ProjectId::new());
    stage.registry.add_project(editor.tenant, elsewhere.project, UserId::new());
    let [other] = workflows(&stage, &elsewhere, ["Other"]).await;
    let [foreign] = workflows(&stage, &stage.editor(), ["Foreign"]).await;
    let nobodys = WorkflowId::new().to_string();
    for id in [&other, &foreign, &nobodys] {
        let error = create(&stage, &editor, "Bad", vec![step(&a, &[]), step(id, &[])]).await.unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::InvalidArgument, "JOB_INVALID"));
        let fault = &error.violations()[0];
        assert_eq!((fault.field.as_str(), fault.reason.as_str()), ("steps[1].workflow_id", "unknown_workflow"));
        assert!(fault.message.contains(id.as_str()), "{}", fault.message);
    }
    let cyclic = vec![step(&a, &[&b]), step(&b, &[&a])];
    let error = create(&stage, &editor, "Bad", cyclic.clone()).await.unwrap_err();
    assert_eq!((error.violations()[0].reason.as_str(), error.violations()[0].message.as_str()), ("cycle", "B → A → B"));
    let itself = create(&stage, &editor, "Bad", vec![step(&a, &[&a])]).await.unwrap_err();
    assert_eq!(itself.violations()[0].field, "steps[0].depends_on[0]");

    let job = create(&stage, &editor, "Good", vec![step(&a, &[])]).await.unwrap();
    let change = pb::UpdateJobRequest { job_id: job.id.clone(), steps: cyclic, ..Default::default() };
    assert_eq!(update(&stage, &editor, change).await.unwrap_err().reason(), "JOB_INVALID");
    assert_eq!(get(&stage, &editor, &job.id).await.unwrap(), job);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_changed_by_who_knows_its_version() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let [a, b] = workflows(&stage, &editor, ["A", "B"]).await;
    let job = create(&stage, &editor, "First", vec![step(&a, &[])]).await.unwrap();
    let told = r#"{"on_failure": {"email": ["ops@example.org"]}}"#;
    let change = pb::UpdateJobRequest {
        job_id: job.id.clone(),
        version: Some(1),
        name: Some("Second".to_owned()),
        steps: vec![step(&a, &[]), step(&b, &[&a])],
        notifications: Some(Json::new(told)),
        ..Default::default()
    };
    let changed = update(&stage, &editor, change.clone()).await.unwrap();
    assert_eq!((changed.version, changed.steps.len(), text(&changed.notifications)), (2, 2, told));
    assert_eq!((changed.package.as_str(), changed.created_by), ("nightly", editor.user.to_string()));
    assert_eq!(update(&stage, &editor, change.clone()).await.unwrap_err().reason(), "VERSION_CONFLICT");
    let same = pb::UpdateJobRequest { version: None, ..change };
    assert_eq!(update(&stage, &editor, same).await.unwrap().version, 2);
    assert_eq!(text(&plan(&stage, &editor, &job.id).await.unwrap().notifications), told);
    let bad = pb::UpdateJobRequest {
        job_id: job.id.clone(),
        notifications: Some(Json::new(r#"{"on_failure": {"fax": []}}"#)),
        ..Default::default()
    };
    let error = update(&stage, &editor, bad).await.unwrap_err();
    assert_eq!(error.violations()[0].field, "notifications.on_failure.fax");

    let events = eventually(LIMIT, "the events", || async {
        let events = stage.audit.events().into_iter().filter(|event| event.object_id == job.id).collect::<Vec<_>>();
        (events.len() == 2).then_some(events)
    })
    .await;
    assert_eq!(events.iter().map(|event| event.action.as_str()).collect::<Vec<_>>(), ["job.create", "job.update"]);
    let after: Value = serde_json::from_str(text(&events[1].after)).unwrap();
    assert_eq!((&after["name"], &after["steps"][1]["depends_on"]), (&json!("Second"), &json!([a])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_unique_among_live_jobs_and_the_deleted_come_back() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let job = create(&stage, &editor, "Nightly", vec![]).await.unwrap();
    let taken = create(&stage, &editor, "NIGHTLY", vec![]).await.unwrap_err();
    assert_eq!((taken.code(), taken.reason()), (Code::AlreadyExists, "JOB_NAME_TAKEN"));
    delete(&stage, &editor, &job.id).await.unwrap();
    assert_eq!(get(&stage, &editor, &job.id).await.unwrap_err().reason(), "JOB_NOT_FOUND");
    assert_eq!(plan(&stage, &editor, &job.id).await.unwrap_err().reason(), "JOB_NOT_FOUND");
    let heir = create(&stage, &editor, "Nightly", vec![]).await.unwrap();
    assert_eq!(restore(&stage, &editor, &job.id).await.unwrap_err().reason(), "JOB_NAME_TAKEN");
    let moved = pb::UpdateJobRequest { job_id: heir.id, name: Some("Heir".to_owned()), ..Default::default() };
    update(&stage, &editor, moved).await.unwrap();
    assert_eq!(restore(&stage, &editor, &job.id).await.unwrap().deleted_at, None);
    assert_eq!(names(&list(&stage, &editor, pb::ListJobsRequest::default()).await.unwrap()), ["Heir", "Nightly"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_listed_by_page_and_package() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let [a] = workflows(&stage, &editor, ["A"]).await;
    for name in ["One", "Two", "Three"] {
        create(&stage, &editor, name, vec![step(&a, &[])]).await.unwrap();
    }
    let first = list(&stage, &editor, pb::ListJobsRequest { per_page: 2, ..Default::default() }).await.unwrap();
    assert_eq!(names(&first), ["Three", "Two"]);
    assert!(first.jobs.iter().all(|job| job.steps == [step(&a, &[])]));
    let token = first.page.unwrap().next_page_token;
    let rest = pb::ListJobsRequest { per_page: 2, page_token: token, ..Default::default() };
    assert_eq!(names(&list(&stage, &editor, rest).await.unwrap()), ["One"]);
    let by_package = |package: &str| pb::ListJobsRequest { package: package.to_owned(), ..Default::default() };
    assert_eq!(names(&list(&stage, &editor, by_package("nightly")).await.unwrap()).len(), 3);
    assert_eq!(list(&stage, &editor, by_package("daily")).await.unwrap().jobs, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_see_a_job_gets_what_a_random_id_gets() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let [a] = workflows(&stage, &editor, ["A"]).await;
    let job = create(&stage, &editor, "Ours", vec![step(&a, &[])]).await.unwrap();
    let outsider = stage.person(editor.tenant, editor.project, UserId::new(), "member", &[]);
    let stranger = stage.editor();
    let random = JobId::new().to_string();
    for person in [&outsider, &stranger] {
        for id in [&job.id, &random] {
            let rename =
                pb::UpdateJobRequest { job_id: id.clone(), name: Some("Mine".to_owned()), ..Default::default() };
            let answers = [
                get(&stage, person, id).await.map(|_| ()),
                update(&stage, person, rename).await.map(|_| ()),
                delete(&stage, person, id).await,
                restore(&stage, person, id).await.map(|_| ()),
            ];
            for refused in answers {
                let error = refused.unwrap_err();
                assert_eq!((error.reason(), error.to_string().as_str()), ("JOB_NOT_FOUND", "job not found"));
            }
        }
        let in_ours = person.in_project(editor.project);
        assert_eq!(
            list(&stage, &in_ours, pb::ListJobsRequest::default()).await.unwrap_err().reason(),
            "PROJECT_NOT_FOUND"
        );
        assert_eq!(create(&stage, &in_ours, "Mine", vec![]).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
    }
    let code = |refused: Result<(), Error>| refused.err().map(|error| error.code());
    let with =
        |kind, id, level| stage.person(editor.tenant, editor.project, UserId::new(), "member", &[(kind, id, level)]);
    let (project, of_job) = (editor.project.uuid(), job.id.parse().unwrap());
    for (kind, id) in [(ObjectKind::Project, project), (ObjectKind::Job, of_job)] {
        let viewer = with(kind, id, Level::View);
        assert_eq!(get(&stage, &viewer, &job.id).await.unwrap().name, job.name);
        assert_eq!(names(&list(&stage, &viewer, pb::ListJobsRequest::default()).await.unwrap()), ["Ours"]);
        assert_eq!(code(delete(&stage, &viewer, &job.id).await), Some(Code::PermissionDenied));
    }
    // Who has the job and not its workflows cannot find out which there are.
    let [b] = workflows(&stage, &editor, ["B"]).await;
    let guest = with(ObjectKind::Job, of_job, Level::Edit);
    let steps = |ids: &[&str]| pb::UpdateJobRequest {
        job_id: job.id.clone(),
        steps: ids.iter().map(|id| step(id, &[])).collect(),
        ..Default::default()
    };
    let error = update(&stage, &guest, steps(&[&a, &b])).await.unwrap_err();
    assert_eq!(error.violations()[0].reason, "unknown_workflow");
    let renamed = pb::UpdateJobRequest { name: Some("Theirs".to_owned()), ..steps(&[&a]) };
    assert_eq!(update(&stage, &guest, renamed).await.unwrap().version, 2);
}
