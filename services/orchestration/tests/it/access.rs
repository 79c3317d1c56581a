//! Who sees and controls which runs of one tenant.

use trinity_access::{Level, ObjectKind};
use trinity_error::{Code, Error};
use trinity_ids::{RunId, TenantId, UserId, WorkflowId};
use trinity_proto::orchestration as pb;
use uuid::Uuid;

use crate::bench::{Bench, execution, request_with};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;

type Answer<T> = Result<tonic::Response<T>, tonic::Status>;

fn outcome<T>(answer: Answer<T>) -> Result<T, Error> {
    answer.map(tonic::Response::into_inner).map_err(Error::from)
}

async fn execute(bench: &Bench, token: &str, workflow: &str) -> Result<pb::ExecuteWorkflowResponse, Error> {
    let message = execution(workflow);
    outcome(bench.runs().execute_workflow(request_with(token, message)).await)
}

async fn list(bench: &Bench, token: &str, message: pb::ListRunsRequest) -> Result<pb::ListRunsResponse, Error> {
    outcome(bench.runs().list_runs(request_with(token, message)).await)
}

/// The ids of every run that is listed, page by page.
async fn listed(bench: &Bench, token: &str) -> Vec<String> {
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let message = pb::ListRunsRequest { per_page: 2, page_token, ..pb::ListRunsRequest::default() };
        let answer = list(bench, token, message).await.unwrap();
        ids.extend(answer.runs.into_iter().map(|run| run.id));
        page_token = answer.page.unwrap().next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

async fn dead_letters(bench: &Bench, token: &str) -> Vec<String> {
    let message = pb::ListDeadLettersRequest::default();
    let answer = outcome(bench.letters().list_dead_letters(request_with(token, message)).await).unwrap();
    answer.tasks.into_iter().map(|task| task.run_id).collect()
}

/// What hinders somebody from all that can be asked of a run: first from seeing, then from controlling it.
async fn hindrances(bench: &Bench, token: &str, run: &str) -> ([Option<Error>; 3], [Option<Error>; 4]) {
    let run_id = || run.to_owned();
    let runs = || bench.runs();
    let logs = pb::ListLogsRequest { run_id: run_id(), ..pb::ListLogsRequest::default() };
    let rerun = pb::RerunRunRequest { run_id: run_id(), from_failed: false };
    let seeing = [
        outcome(runs().get_run(request_with(token, pb::GetRunRequest { run_id: run_id() })).await).err(),
        outcome(runs().list_tasks(request_with(token, pb::ListTasksRequest { run_id: run_id() })).await).err(),
        outcome(runs().list_logs(request_with(token, logs)).await).err(),
    ];
    let controlling = [
        outcome(runs().pause_run(request_with(token, pb::PauseRunRequest { run_id: run_id() })).await).err(),
        outcome(runs().resume_run(request_with(token, pb::ResumeRunRequest { run_id: run_id() })).await).err(),
        outcome(runs().rerun_run(request_with(token, rerun)).await).err(),
        outcome(runs().cancel_run(request_with(token, pb::CancelRunRequest { run_id: run_id() })).await).err(),
    ];
    (seeing, controlling)
}

fn assert_alike(hidden: &Error, random: &Error, reason: &str) {
    assert_eq!((hidden.code(), hidden.reason()), (Code::NotFound, reason));
    let (hidden, random) = (tonic::Status::from(hidden.again()), tonic::Status::from(random.again()));
    assert_eq!((hidden.message(), hidden.details()), (random.message(), random.details()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_run_gets_what_a_random_id_gets() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let run = bench.execute().await;
    let outsider = bench.person(UserId::new(), "member", &[]);
    let (seeing, controlling) = hindrances(&bench, &outsider, &run).await;
    let (no_seeing, no_controlling) = hindrances(&bench, &outsider, &RunId::new().to_string()).await;
    let hidden = seeing.iter().chain(&controlling);
    for (hidden, random) in hidden.zip(no_seeing.iter().chain(&no_controlling)) {
        assert_alike(hidden.as_ref().unwrap(), random.as_ref().unwrap(), "RUN_NOT_FOUND");
    }
    let missing = WorkflowId::new().to_string();
    bench.peers.missing.lock().unwrap().insert(missing.clone());
    let hidden = execute(&bench, &outsider, &WorkflowId::new().to_string()).await.unwrap_err();
    assert_alike(&hidden, &execute(&bench, &outsider, &missing).await.unwrap_err(), "WORKFLOW_NOT_FOUND");
    assert_eq!(listed(&bench, &outsider).await, Vec::<String>::new());
    let now = bench.run(&run).await;
    assert_eq!((now.status(), now.paused), (pb::RunStatus::Pending, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_let_do_what_their_level_says() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let workflow = WorkflowId::new();
    let project = bench.peers.project.uuid();
    let editor = bench.person(UserId::new(), "editor", &[]);
    let with = |kind, id: Uuid, level| bench.person(UserId::new(), "member", &[(kind, id, level)]);
    for (kind, id) in [(ObjectKind::Workflow, workflow.uuid()), (ObjectKind::Project, project)] {
        let run = execute(&bench, &editor, &workflow.to_string()).await.unwrap().run_id;
        let viewer = with(kind, id, Level::View);
        let (seeing, controlling) = hindrances(&bench, &viewer, &run).await;
        assert!(seeing.iter().all(Option::is_none), "{seeing:?}");
        assert!(controlling.iter().all(|error| error.as_ref().unwrap().code() == Code::PermissionDenied));
        let refused = execute(&bench, &viewer, &workflow.to_string()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let partner = with(kind, id, Level::Edit);
        let (seeing, controlling) = hindrances(&bench, &partner, &run).await;
        assert!(seeing.iter().chain(&controlling).all(Option::is_none), "{seeing:?} {controlling:?}");
        execute(&bench, &partner, &workflow.to_string()).await.unwrap();
    }
    let elsewhere = with(ObjectKind::Workflow, WorkflowId::new().uuid(), Level::Admin);
    let refused = execute(&bench, &elsewhere, &workflow.to_string()).await.unwrap_err();
    assert_eq!(refused.reason(), "WORKFLOW_NOT_FOUND");
    for owner in [bench.peers.workflow_owner, bench.peers.project_owner] {
        let token = bench.person(owner, "member", &[]);
        let run = execute(&bench, &token, &workflow.to_string()).await.unwrap().run_id;
        assert_eq!(bench.run(&run).await.created_by, owner.to_string());
        let (seeing, controlling) = hindrances(&bench, &token, &run).await;
        assert!(seeing.iter().chain(&controlling).all(Option::is_none), "{seeing:?} {controlling:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_each_caller_his_own() {
    let bench = Bench::new(5, LEASE_MS).await;
    let mut failing = task("a", &[]);
    failing.max_attempts = 1;
    bench.plan(vec![failing]);
    let (shared, other) = (WorkflowId::new(), WorkflowId::new());
    let editor = bench.person(UserId::new(), "editor", &[]);
    let mut worker = bench.worker(1).await;
    let (mut all, mut of_shared) = (Vec::new(), Vec::new());
    for workflow in [shared, other, shared, other, shared] {
        let run = execute(&bench, &editor, &workflow.to_string()).await.unwrap().run_id;
        let next = worker.task().await;
        worker.fail(&next, false);
        bench.ended(&run, pb::RunStatus::Failed).await;
        all.insert(0, run.clone());
        if workflow == shared {
            of_shared.insert(0, run);
        }
    }
    let guest = bench.person(UserId::new(), "member", &[(ObjectKind::Workflow, shared.uuid(), Level::View)]);
    let partner =
        bench.person(UserId::new(), "member", &[(ObjectKind::Project, bench.peers.project.uuid(), Level::View)]);
    let owner = bench.person(bench.peers.project_owner, "member", &[]);
    let outsider = bench.person(UserId::new(), "member", &[]);
    let viewer = bench.person(UserId::new(), "viewer", &[]);
    for (token, expected) in
        [(&viewer, &all), (&partner, &all), (&owner, &all), (&guest, &of_shared), (&outsider, &Vec::new())]
    {
        assert_eq!(&listed(&bench, token).await, expected);
        assert_eq!(&dead_letters(&bench, token).await, expected);
    }

    // Runs from before owners were noted are their starters'.
    bench.sql("UPDATE orchestration.runs SET workflow_owner_id = NULL, project_owner_id = NULL").await;
    assert_eq!(listed(&bench, &owner).await, Vec::<String>::new());
    let starter = UserId::new();
    let own = execute(&bench, &bench.person(starter, "editor", &[]), &other.to_string()).await.unwrap().run_id;
    bench.sql("UPDATE orchestration.runs SET workflow_owner_id = NULL, project_owner_id = NULL").await;
    assert_eq!(listed(&bench, &bench.person(starter, "member", &[])).await, [own]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_another_tenant_or_query_is_refused() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    for _ in 0..2 {
        bench.execute().await;
    }
    let first = pb::ListRunsRequest { per_page: 1, ..pb::ListRunsRequest::default() };
    let answer = bench.runs().list_runs(bench.request(first.clone())).await.unwrap().into_inner();
    let next = pb::ListRunsRequest { page_token: answer.page.unwrap().next_page_token, ..first };
    bench.runs().list_runs(bench.request(next.clone())).await.unwrap();
    let another_query = pb::ListRunsRequest { workflow_id: WorkflowId::new().to_string(), ..next.clone() };
    let another_list = pb::ListDeadLettersRequest { page_token: next.page_token.clone(), ..Default::default() };
    let refused = [
        bench.runs().list_runs(bench.request(another_query)).await.map(|_| ()),
        bench.runs().list_runs(bench.request_of(TenantId::new(), next)).await.map(|_| ()),
        bench.letters().list_dead_letters(bench.request(another_list)).await.map(|_| ()),
    ];
    for refused in refused {
        let error = Error::from(refused.unwrap_err());
        assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, "page_token"));
    }
}
