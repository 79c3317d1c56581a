//! Schedules: fired once whoever looks, by their policies, and only seen by who may.

use trinity_access::{Level, ObjectKind};
use trinity_error::{Code, Error};
use trinity_ids::{RunId, ScheduleId, TenantId, UserId, WorkflowId};
use trinity_proto::common::Json;
use trinity_proto::orchestration as pb;
use trinity_proto::orchestration::calendar_service_client::CalendarServiceClient;
use trinity_proto::orchestration::schedule_service_client::ScheduleServiceClient;
use trinity_rpc::Channel;
use trinity_testkit::eventually;

use crate::bench::{Bench, DEADLINE, request_with};
use crate::peers::task;

const LEASE_MS: u32 = 60_000;
/// Midnight of today: a time at which a daily schedule fires, and which has come.
const MIDNIGHT: &str = "date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'";

fn schedules(bench: &Bench) -> ScheduleServiceClient<Channel> {
    ScheduleServiceClient::new(bench.channel())
}

fn calendars(bench: &Bench) -> CalendarServiceClient<Channel> {
    CalendarServiceClient::new(bench.channel())
}

fn daily(workflow: &str) -> pb::CreateScheduleRequest {
    pb::CreateScheduleRequest {
        name: "nightly".to_owned(),
        workflow_id: workflow.to_owned(),
        cron: "0 0 * * *".to_owned(),
        catch_up: pb::CatchUp::One.into(),
        ..pb::CreateScheduleRequest::default()
    }
}

async fn create(bench: &Bench, request: pb::CreateScheduleRequest) -> pb::Schedule {
    schedules(bench).create_schedule(bench.request(request)).await.unwrap().into_inner().schedule.unwrap()
}

async fn get(bench: &Bench, id: &str) -> pb::Schedule {
    let message = pb::GetScheduleRequest { schedule_id: id.to_owned() };
    schedules(bench).get_schedule(bench.request(message)).await.unwrap().into_inner().schedule.unwrap()
}

/// Lets every schedule have a fire time so many days before today's midnight.
async fn make_due(bench: &Bench, days_ago: u32) {
    let statement =
        format!("UPDATE orchestration.schedules SET next_fire_at = {MIDNIGHT} - interval '{days_ago} days'");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut bench.db.admin().await).await.unwrap();
}

async fn fires(bench: &Bench, schedule: &str) -> Vec<pb::Fire> {
    let message = pb::ListFiresRequest { schedule_id: schedule.to_owned(), per_page: 200, ..Default::default() };
    schedules(bench).list_fires(bench.request(message)).await.unwrap().into_inner().fires
}

/// Waits until so many fire times are noted and none waits; the outcomes, oldest first.
async fn outcomes(bench: &Bench, schedule: &str, count: usize) -> Vec<pb::FireOutcome> {
    eventually(DEADLINE, "the fire times", || async {
        let mut outcomes: Vec<_> = fires(bench, schedule).await.iter().map(pb::Fire::outcome).collect();
        outcomes.reverse();
        (outcomes.len() == count && !outcomes.contains(&pb::FireOutcome::Waiting)).then_some(outcomes)
    })
    .await
}

async fn runs_of(bench: &Bench, schedule: &str) -> Vec<pb::Run> {
    let message = pb::ListRunsRequest { schedule_id: schedule.to_owned(), per_page: 200, ..Default::default() };
    bench.runs().list_runs(bench.request(message)).await.unwrap().into_inner().runs
}

fn error_of<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Error {
    Error::from(answer.map(|_| ()).unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_fire_each_schedule_once() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let _replica = bench.replica().await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(create(&bench, daily(&WorkflowId::new().to_string())).await.id);
    }
    // Why again: a fire time that somebody has noted starts nothing, even if the schedule is set back to it.
    for _ in 0..3 {
        make_due(&bench, 0).await;
        eventually(DEADLINE, "all to fire", || async {
            let due: i64 = bench.ask("SELECT count(*) FROM orchestration.schedules WHERE next_fire_at <= now()").await;
            let waiting: i64 = bench.ask("SELECT count(*) FROM orchestration.starts").await;
            (due == 0 && waiting == 0).then_some(())
        })
        .await;
    }
    for id in &ids {
        let fires = fires(&bench, id).await;
        let runs = runs_of(&bench, id).await;
        assert_eq!((fires.len(), runs.len()), (1, 1));
        assert_eq!(fires[0].run_id.as_deref(), Some(runs[0].id.as_str()));
        assert_eq!(fires[0].outcome(), pb::FireOutcome::Started);
    }
    assert_eq!(bench.ask::<i64>("SELECT count(*) FROM orchestration.runs").await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_knows_its_schedule_and_the_time_that_fired() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let workflow = WorkflowId::new().to_string();
    let context = Some(Json::new(r#"{"region": "north"}"#));
    let schedule = create(&bench, pb::CreateScheduleRequest { context, priority: 7, ..daily(&workflow) }).await;
    assert_eq!((schedule.next_fire_times.len(), schedule.time_zone.as_str()), (10, "UTC"));
    make_due(&bench, 0).await;
    outcomes(&bench, &schedule.id, 1).await;
    let run = bench.run(&runs_of(&bench, &schedule.id).await[0].id).await;
    assert_eq!((run.trigger(), run.workflow_id.as_str()), (pb::RunTrigger::Scheduled, workflow.as_str()));
    assert_eq!((run.schedule_id.as_deref(), run.priority), (Some(schedule.id.as_str()), 7));
    assert_eq!(run.created_by, bench.user.to_string());
    let context: serde_json::Value = serde_json::from_str(&run.context.unwrap().text).unwrap();
    assert_eq!(context["region"], "north");
    assert!(context["fire_at"].as_str().unwrap().ends_with("T00:00:00Z"), "{context}");
    let shown = get(&bench, &schedule.id).await;
    assert_eq!(shown.last_fire_at.map(|at| at.seconds % 86_400), Some(0));
    assert_eq!(shown.next_fire_at.unwrap().seconds, shown.last_fire_at.unwrap().seconds + 86_400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_does_not_outlive_what_its_maker_may_do() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let (allowed, barred) = (WorkflowId::new().to_string(), WorkflowId::new().to_string());
    bench.peers.barred.lock().unwrap().insert((bench.user.to_string(), barred.clone()));
    let (good, bad) = (create(&bench, daily(&allowed)).await.id, create(&bench, daily(&barred)).await.id);
    make_due(&bench, 0).await;
    outcomes(&bench, &good, 1).await;
    outcomes(&bench, &bad, 1).await;
    let failed = bench.ended(&runs_of(&bench, &bad).await[0].id, pb::RunStatus::Failed).await;
    assert_eq!(failed.error.unwrap().code, "MAKER_MAY_NOT_RUN_IT");
    assert_eq!(runs_of(&bench, &good).await[0].status(), pb::RunStatus::Pending);
    let tasks: i64 = bench.ask("SELECT count(*) FROM orchestration.tasks").await;
    assert_eq!(tasks, 1, "nothing of it began");
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_times_are_left_out_caught_up_once_or_all() {
    let bench = Bench::new(50, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let policies = [(pb::CatchUp::None, 1, 0), (pb::CatchUp::One, 2, 1), (pb::CatchUp::All, 6, 6)];
    for (policy, noted, started) in policies {
        let request = daily(&WorkflowId::new().to_string());
        let overlap = pb::Overlap::Allow.into();
        let schedule = create(&bench, pb::CreateScheduleRequest { catch_up: policy.into(), overlap, ..request }).await;
        make_due(&bench, 5).await;
        let outcomes = outcomes(&bench, &schedule.id, noted).await;
        let count = outcomes.iter().filter(|outcome| **outcome == pb::FireOutcome::Started).count();
        assert_eq!((count, runs_of(&bench, &schedule.id).await.len()), (started, started), "{policy:?} {outcomes:?}");
        let message = pb::DeleteScheduleRequest { schedule_id: schedule.id };
        schedules(&bench).delete_schedule(bench.request(message)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_not_ended_is_skipped_over_or_waited_for() {
    let bench = Bench::new(50, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let all = |overlap: pb::Overlap| pb::CreateScheduleRequest {
        catch_up: pb::CatchUp::All.into(),
        overlap: overlap.into(),
        ..daily(&WorkflowId::new().to_string())
    };
    let skipping = create(&bench, all(pb::Overlap::Skip)).await;
    let queueing = create(&bench, all(pb::Overlap::Queue)).await;
    make_due(&bench, 2).await;
    let skipped = outcomes(&bench, &skipping.id, 3).await;
    assert_eq!(skipped, [pb::FireOutcome::Started, pb::FireOutcome::Skipped, pb::FireOutcome::Skipped]);

    let mut worker = bench.worker(10).await;
    for number in 1..=3 {
        let run = eventually(DEADLINE, "the next run", || async {
            let runs = runs_of(&bench, &queueing.id).await;
            (runs.len() == number).then(|| runs[0].clone())
        })
        .await;
        assert_eq!(run.completed_at, None, "one at a time");
        let waiting = fires(&bench, &queueing.id).await;
        let waiting = waiting.iter().filter(|fire| fire.outcome() == pb::FireOutcome::Waiting);
        assert_eq!(waiting.count(), 3 - number);
        let assigned = loop {
            let next = worker.task().await;
            worker.complete(&next);
            if next.run_id == run.id {
                break next;
            }
        };
        bench.ended(&assigned.run_id, pb::RunStatus::Succeeded).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_schedule_fires_when_it_is_resumed_and_a_changed_one_by_its_new_times() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let paused =
        create(&bench, pb::CreateScheduleRequest { paused: true, ..daily(&WorkflowId::new().to_string()) }).await;
    assert_eq!((paused.next_fire_at, paused.next_fire_times.len()), (None, 0));
    let running = create(&bench, daily(&WorkflowId::new().to_string())).await;
    make_due(&bench, 0).await;
    outcomes(&bench, &running.id, 1).await;
    assert!(fires(&bench, &paused.id).await.is_empty());
    let message = pb::ResumeScheduleRequest { schedule_id: paused.id.clone() };
    schedules(&bench).resume_schedule(bench.request(message)).await.unwrap();
    outcomes(&bench, &paused.id, 1).await;

    let change = pb::UpdateScheduleRequest {
        schedule_id: running.id.clone(),
        version: Some(running.version),
        cron: Some("30 2 * 3 SUN#L".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        overlap: pb::Overlap::Queue.into(),
        ..Default::default()
    };
    let answer = schedules(&bench).update_schedule(bench.request(change.clone())).await.unwrap();
    let changed = answer.into_inner().schedule.unwrap();
    assert_eq!((changed.version, changed.overlap(), changed.catch_up()), (2, pb::Overlap::Queue, pb::CatchUp::One));
    // The clocks of Berlin leap over that time, from one to three o'clock: two, where one is UTC.
    assert!(changed.next_fire_times.iter().all(|at| at.seconds % 86_400 == 3_600), "{:?}", changed.next_fire_times);
    let stale = error_of(schedules(&bench).update_schedule(bench.request(change)).await);
    assert_eq!(stale.reason(), "VERSION_CONFLICT");
    let message = pb::PauseScheduleRequest { schedule_id: running.id };
    let answer = schedules(&bench).pause_schedule(bench.request(message)).await.unwrap().into_inner();
    assert!(answer.schedule.unwrap().paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_follow_their_calendar() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let owner = bench.person(UserId::new(), "owner", &[]);
    let weekdays = pb::CreateCalendarRequest {
        name: "weekdays".to_owned(),
        holidays: vec![pb::Holiday { date: "12-25".to_owned(), name: "Christmas".to_owned() }],
        days_off: vec![6, 7],
    };
    let answer = calendars(&bench).create_calendar(request_with(&owner, weekdays.clone())).await.unwrap();
    let calendar = answer.into_inner().calendar.unwrap();
    let taken = error_of(calendars(&bench).create_calendar(request_with(&owner, weekdays)).await);
    assert_eq!(taken.reason(), "NAME_TAKEN");
    let refused =
        pb::CreateCalendarRequest { name: "none".to_owned(), days_off: (1..=7).collect(), ..Default::default() };
    let error = error_of(calendars(&bench).create_calendar(request_with(&owner, refused)).await);
    assert_eq!(error.violations()[0].field, "days_off");

    let request =
        pb::CreateScheduleRequest { calendar_id: calendar.id.clone(), ..daily(&WorkflowId::new().to_string()) };
    let schedule = create(&bench, request).await;
    // 1970-01-01 was a Thursday.
    let weekday = |at: &trinity_proto::Timestamp| (at.seconds / 86_400 + 3) % 7 + 1;
    assert!(schedule.next_fire_times.iter().all(|at| weekday(at) <= 5), "{:?}", schedule.next_fire_times);
    let mondays = pb::UpdateCalendarRequest {
        calendar_id: calendar.id.clone(),
        days_off: (2..=7).collect(),
        ..Default::default()
    };
    calendars(&bench).update_calendar(request_with(&owner, mondays)).await.unwrap();
    let followed = get(&bench, &schedule.id).await;
    assert!(followed.next_fire_times.iter().all(|at| weekday(at) == 1), "{:?}", followed.next_fire_times);
    assert_eq!(followed.next_fire_at, followed.next_fire_times.first().copied());

    let delete = || pb::DeleteCalendarRequest { calendar_id: calendar.id.clone() };
    let used = error_of(calendars(&bench).delete_calendar(request_with(&owner, delete())).await);
    assert_eq!(used.reason(), "CALENDAR_IN_USE");
    let message = pb::DeleteScheduleRequest { schedule_id: schedule.id };
    schedules(&bench).delete_schedule(bench.request(message)).await.unwrap();
    calendars(&bench).delete_calendar(request_with(&owner, delete())).await.unwrap();
    let message = pb::GetCalendarRequest { calendar_id: calendar.id };
    let gone = error_of(calendars(&bench).get_calendar(bench.request(message)).await);
    assert_eq!(gone.reason(), "CALENDAR_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_schedule_gets_what_a_random_id_gets() {
    let bench = Bench::new(5, LEASE_MS).await;
    bench.plan(vec![task("a", &[])]);
    let workflow = WorkflowId::new();
    let schedule = create(&bench, daily(&workflow.to_string())).await;
    let outsider = bench.person(UserId::new(), "member", &[]);
    let viewer = bench.person(UserId::new(), "member", &[(ObjectKind::Workflow, workflow.uuid(), Level::View)]);
    let see = |id: String| {
        let request = request_with(&outsider, pb::GetScheduleRequest { schedule_id: id });
        async { error_of(schedules(&bench).get_schedule(request).await) }
    };
    let (hidden, random) = (see(schedule.id.clone()).await, see(ScheduleId::new().to_string()).await);
    assert_eq!((hidden.code(), hidden.reason()), (Code::NotFound, "SCHEDULE_NOT_FOUND"));
    assert_eq!(tonic::Status::from(hidden).details(), tonic::Status::from(random).details());
    let message = pb::GetScheduleRequest { schedule_id: schedule.id.clone() };
    let foreign = bench.request_of(TenantId::new(), message.clone());
    assert_eq!(error_of(schedules(&bench).get_schedule(foreign).await).code(), Code::NotFound);
    schedules(&bench).get_schedule(request_with(&viewer, message)).await.unwrap();
    let pause = pb::PauseScheduleRequest { schedule_id: schedule.id.clone() };
    let refused = error_of(schedules(&bench).pause_schedule(request_with(&viewer, pause)).await);
    assert_eq!(refused.code(), Code::PermissionDenied);
    for (token, count) in [(&outsider, 0), (&viewer, 1)] {
        let message = pb::ListSchedulesRequest::default();
        let listed = schedules(&bench).list_schedules(request_with(token, message)).await.unwrap().into_inner();
        assert_eq!(listed.schedules.len(), count);
    }
    let refused =
        error_of(schedules(&bench).create_schedule(request_with(&viewer, daily(&workflow.to_string()))).await);
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_never_fire_is_refused_and_a_preview_shows_ten() {
    let bench = Bench::new(5, LEASE_MS).await;
    let workflow = WorkflowId::new().to_string();
    let missing = WorkflowId::new().to_string();
    bench.peers.missing.lock().unwrap().insert(missing.clone());
    let bad = [
        (pb::CreateScheduleRequest { cron: "0 0 30 2 *".to_owned(), ..daily(&workflow) }, "cron"),
        (pb::CreateScheduleRequest { time_zone: "Berlin".to_owned(), ..daily(&workflow) }, "time_zone"),
        (pb::CreateScheduleRequest { priority: 1001, ..daily(&workflow) }, "priority"),
        (pb::CreateScheduleRequest { name: " ".to_owned(), ..daily(&workflow) }, "name"),
        (pb::CreateScheduleRequest { context: Some(Json::new("[]")), ..daily(&workflow) }, "context"),
        (daily(""), "workflow_id"),
        (pb::CreateScheduleRequest { job_id: RunId::new().to_string(), ..daily(&workflow) }, "job_id"),
    ];
    for (request, field) in bad {
        let error = error_of(schedules(&bench).create_schedule(bench.request(request)).await);
        assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, field));
    }
    let error = error_of(schedules(&bench).create_schedule(bench.request(daily(&missing))).await);
    assert_eq!(error.reason(), "WORKFLOW_NOT_FOUND");
    let message = pb::PreviewScheduleRequest {
        cron: "30 2 * * *".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        calendar_id: String::new(),
        after: Some(trinity_proto::Timestamp { seconds: 1_774_738_800, nanos: 0 }),
    };
    let times = schedules(&bench).preview_schedule(bench.request(message)).await.unwrap().into_inner().fire_times;
    let hours: Vec<_> = times.iter().map(|at| (at.seconds - 1_774_738_800) / 1800).collect();
    assert_eq!((times.len(), &hours[..3]), (10, &[4, 51, 99][..]), "half hours after the night began");
}
