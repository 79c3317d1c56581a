//! Projects and apps.

use futures::future::join_all;
use sqlx::Connection;
use tonic::Code;
use trinity_ids::ProjectId;
use trinity_proto::common::Json;
use trinity_proto::registry as pb;

use crate::stand::{Stand, field, reason};

fn get(id: &str) -> pb::GetProjectRequest {
    pb::GetProjectRequest { project_id: id.to_owned() }
}

fn update(id: &str) -> pb::UpdateProjectRequest {
    pb::UpdateProjectRequest { project_id: id.to_owned(), ..pb::UpdateProjectRequest::default() }
}

fn delete(id: &str, reason: &str) -> pb::DeleteProjectRequest {
    pb::DeleteProjectRequest { project_id: id.to_owned(), reason: reason.to_owned() }
}

fn restore(id: &str) -> pb::RestoreProjectRequest {
    pb::RestoreProjectRequest { project_id: id.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_lives_from_creation_to_restoration() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let settings = r#"{"z": 12345678901234567890123, "a": [1.10]}"#;
    let made = stand.create_project(&anna, "  Weather ", settings).await.unwrap();
    assert_eq!(
        (made.name.as_str(), made.version, made.owner_id.as_str()),
        ("Weather", 1, anna.user.to_string().as_str())
    );
    assert_eq!(made.settings.as_ref().unwrap().text, settings);
    let mut projects = stand.projects();
    let read = projects.get_project(anna.says(get(&made.id))).await.unwrap().into_inner().project.unwrap();
    assert_eq!(read, made);

    let change = pb::UpdateProjectRequest {
        version: Some(1),
        description: Some("Rain and wind".to_owned()),
        state: Some(Json::new(r#"{"b":1,"a":2}"#)),
        ..update(&made.id)
    };
    let changed = projects.update_project(anna.says(change)).await.unwrap().into_inner().project.unwrap();
    assert_eq!((changed.name.as_str(), changed.version), ("Weather", 2));
    assert_eq!(changed.state.unwrap().text, r#"{"b":1,"a":2}"#);

    projects.delete_project(anna.says(delete(&made.id, "tidying"))).await.unwrap();
    assert_eq!(reason(&projects.get_project(anna.says(get(&made.id))).await.unwrap_err()), "PROJECT_NOT_FOUND");
    assert_eq!(reason(&projects.update_project(anna.says(update(&made.id))).await.unwrap_err()), "PROJECT_NOT_FOUND");
    let deleted = pb::ListProjectsRequest { deleted: true, ..pb::ListProjectsRequest::default() };
    let listed = projects.list_projects(anna.says(deleted)).await.unwrap().into_inner().projects;
    assert_eq!(listed[0].deleted_reason.as_deref(), Some("tidying"));

    let back = projects.restore_project(anna.says(restore(&made.id))).await.unwrap().into_inner().project.unwrap();
    assert_eq!((back.deleted_at, back.version), (None, 4));
    assert_eq!(
        reason(&projects.restore_project(anna.says(restore(&made.id))).await.unwrap_err()),
        "PROJECT_NOT_DELETED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_is_refused_and_loses_nothing() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let made = stand.create_project(&anna, "Weather", "{}").await.unwrap();
    let mut projects = stand.projects();
    let rename =
        |name: &str| pb::UpdateProjectRequest { version: Some(1), name: Some(name.to_owned()), ..update(&made.id) };
    projects.update_project(anna.says(rename("First"))).await.unwrap();
    let refused = projects.update_project(anna.says(rename("Second"))).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Aborted, "VERSION_CONFLICT"));
    let read = projects.get_project(anna.says(get(&made.id))).await.unwrap().into_inner().project.unwrap();
    assert_eq!((read.name.as_str(), read.version), ("First", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn live_names_are_unique_whatever_their_case() {
    let stand = Stand::new().await;
    let anna = stand.person("admin");
    let mut projects = stand.projects();
    let first = stand.create_project(&anna, "Weather", "{}").await.unwrap();
    let refused = stand.create_project(&anna, "WEATHER", "{}").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::AlreadyExists, "PROJECT_NAME_TAKEN"));
    stand.create_project(&stand.person("admin"), "Weather", "{}").await.unwrap();

    projects.delete_project(anna.says(delete(&first.id, ""))).await.unwrap();
    let second = stand.create_project(&anna, "weather", "{}").await.unwrap();
    assert_eq!(projects.restore_project(anna.says(restore(&first.id))).await.unwrap_err().code(), Code::AlreadyExists);
    let third = stand.create_project(&anna, "Climate", "{}").await.unwrap();
    let rename = pb::UpdateProjectRequest { name: Some("WeaTher".to_owned()), ..update(&third.id) };
    assert_eq!(projects.update_project(anna.says(rename)).await.unwrap_err().code(), Code::AlreadyExists);
    let own = pb::UpdateProjectRequest { name: Some("WeaTher".to_owned()), ..update(&second.id) };
    projects.update_project(anna.says(own)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creates_of_one_name_have_one_winner() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let all = join_all((0..12).map(|_| stand.create_project(&anna, "Weather", "{}"))).await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 11));
    assert!(lost.iter().all(|outcome| outcome.as_ref().unwrap_err().code() == Code::AlreadyExists));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_project_answers_as_one_that_does_not_exist() {
    let stand = Stand::new().await;
    let (anna, mallory) = (stand.person("admin"), stand.person("admin"));
    let made = stand.create_project(&anna, "Weather", "{}").await.unwrap();
    let mut projects = stand.projects();
    for id in [made.id.clone(), ProjectId::new().to_string()] {
        let answers = [
            projects.get_project(mallory.says(get(&id))).await.unwrap_err(),
            projects.update_project(mallory.says(update(&id))).await.unwrap_err(),
            projects.delete_project(mallory.says(delete(&id, ""))).await.unwrap_err(),
            projects.restore_project(mallory.says(restore(&id))).await.unwrap_err(),
            stand.upload(&mallory, &id, "a.csv", b"a\n1\n").await.unwrap_err(),
        ];
        for answer in answers {
            assert_eq!((answer.code(), answer.message()), (Code::NotFound, "project not found"));
        }
    }
    let listed = projects.list_projects(mallory.says(pb::ListProjectsRequest::default())).await.unwrap().into_inner();
    assert!(listed.projects.is_empty());
    assert_eq!(listed.page.unwrap().total, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_level_security_denies_what_sql_forgets() {
    let stand = Stand::new().await;
    let (anna, mallory) = (stand.person("admin"), stand.person("admin"));
    stand.create_project(&anna, "Weather", "{}").await.unwrap();
    let mut serving = sqlx::PgConnection::connect(stand.db.url()).await.unwrap();
    let count = "SELECT count(*) FROM projects";
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut serving).await.unwrap(), 0, "no tenant, no rows");
    let mut tx = serving.begin().await.unwrap();
    sqlx::query("SELECT set_config('app.tenant_id', $1, true)")
        .bind(mallory.tenant.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(sqlx::query_scalar::<_, i64>(count).fetch_one(&mut *tx).await.unwrap(), 0);
    let stolen = sqlx::query("UPDATE projects SET name = 'mine'").execute(&mut *tx).await.unwrap();
    assert_eq!(stolen.rows_affected(), 0);
    let planted = sqlx::query("INSERT INTO projects (tenant_id, id, name, description, owner_id, app, state, settings) VALUES ($1, $2, 'x', '', $2, 'eda', '{}', '{}')")
        .bind(anna.tenant)
        .bind(ProjectId::new())
        .execute(&mut *tx)
        .await
        .unwrap_err();
    assert!(planted.to_string().contains("row-level security"), "{planted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_fields_are_named() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let good = pb::CreateProjectRequest { name: "n".into(), app: "eda".into(), ..pb::CreateProjectRequest::default() };
    let long = "x".repeat(201);
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    let cases = [
        ("name", pb::CreateProjectRequest { name: "  ".into(), ..good.clone() }),
        ("name", pb::CreateProjectRequest { name: long, ..good.clone() }),
        ("app", pb::CreateProjectRequest { app: String::new(), ..good.clone() }),
        ("description", pb::CreateProjectRequest { description: "x".repeat(10_001), ..good.clone() }),
        ("description", pb::CreateProjectRequest { description: "a\0b".into(), ..good.clone() }),
        ("settings", pb::CreateProjectRequest { settings: Some(Json::new("[]")), ..good.clone() }),
        (
            "settings.storageQuota",
            pb::CreateProjectRequest { settings: Some(Json::new(r#"{"storageQuota":-1}"#)), ..good.clone() },
        ),
        ("state", pb::CreateProjectRequest { state: Some(Json::new("{")), ..good.clone() }),
        ("state", pb::CreateProjectRequest { state: Some(Json::new(deep)), ..good.clone() }),
    ];
    for (name, request) in cases {
        let refused = stand.projects().create_project(anna.says(request)).await.unwrap_err();
        assert_eq!((refused.code(), field(&refused).as_str()), (Code::InvalidArgument, name));
    }
    let refused = stand.projects().get_project(anna.says(get("7"))).await.unwrap_err();
    assert_eq!(field(&refused), "project_id");
    let unknown = pb::CreateProjectRequest { app: "no-such-app".into(), ..good };
    assert_eq!(reason(&stand.projects().create_project(anna.says(unknown)).await.unwrap_err()), "APP_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_newest_first_in_pages() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    for name in ["a", "b", "c"] {
        stand.create_project(&anna, name, "{}").await.unwrap();
    }
    let request =
        |page_token: String| pb::ListProjectsRequest { per_page: 2, page_token, ..pb::ListProjectsRequest::default() };
    let first = stand.projects().list_projects(anna.says(request(String::new()))).await.unwrap().into_inner();
    let info = first.page.unwrap();
    assert_eq!((info.total, info.total_pages), (Some(3), Some(2)));
    let second = stand.projects().list_projects(anna.says(request(info.next_page_token))).await.unwrap().into_inner();
    let names: Vec<_> = first.projects.iter().chain(&second.projects).map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["c", "b", "a"]);
    assert_eq!(second.page.unwrap().next_page_token, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_reads_and_does_not_write() {
    let stand = Stand::new().await;
    let viewer = stand.person("viewer");
    assert_eq!(stand.create_project(&viewer, "Weather", "{}").await.unwrap_err().code(), Code::PermissionDenied);
    stand.projects().list_projects(viewer.says(pb::ListProjectsRequest::default())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn canvas_states_go_forward_only_and_leave_the_version() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let made = stand.create_project(&anna, "Weather", "{}").await.unwrap();
    let apply = |revision: u64, state: &str| pb::ApplyCanvasStateRequest {
        tenant_id: anna.tenant.to_string(),
        project_id: made.id.clone(),
        state: Some(Json::new(state)),
        revision,
    };
    let mut projects = stand.projects();
    for (revision, state) in [(2, r#"{"n":2}"#), (1, r#"{"n":1}"#), (2, r#"{"n":0}"#)] {
        projects.apply_canvas_state(stand.service_says(apply(revision, state))).await.unwrap();
    }
    let read = projects.get_project(anna.says(get(&made.id))).await.unwrap().into_inner().project.unwrap();
    assert_eq!((read.state.unwrap().text.as_str(), read.version), (r#"{"n":2}"#, 1));
    let large = format!(r#"{{"n":"{}"}}"#, "x".repeat(1 << 20));
    projects
        .apply_canvas_state(stand.service_says(apply(3, &large)))
        .await
        .expect("a little more than people may send");
    let nowhere = pb::ApplyCanvasStateRequest { project_id: ProjectId::new().to_string(), ..apply(9, "{}") };
    projects.apply_canvas_state(stand.service_says(nowhere)).await.expect("there is nothing to tell any more");
    let refused = projects.apply_canvas_state(anna.says(apply(9, "{}"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "people cannot call it");

    let check = |tenant: String| pb::CheckProjectRequest { tenant_id: tenant, project_id: made.id.clone() };
    projects.check_project(stand.service_says(check(anna.tenant.to_string()))).await.unwrap();
    let foreign = check(stand.person("editor").tenant.to_string());
    assert_eq!(reason(&projects.check_project(stand.service_says(foreign)).await.unwrap_err()), "PROJECT_NOT_FOUND");
}

/// Action, actor, object, and the object's name before and after.
type Told = (String, String, String, Option<String>, Option<String>);

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_announced_with_before_and_after() {
    let stand = Stand::new().await;
    let anna = stand.person("editor");
    let made = stand.create_project(&anna, "Weather", r#"{"storageQuota": 5}"#).await.unwrap();
    let rename = pb::UpdateProjectRequest { name: Some("Climate".into()), ..update(&made.id) };
    stand.projects().update_project(anna.says(rename)).await.unwrap();
    let mut admin = stand.db.admin().await;
    let events: Vec<Told> = sqlx::query_as(
        "SELECT action, actor_id, object_name, before ->> 'name', after ->> 'name' FROM registry.outbox WHERE object_id = $1 ORDER BY id",
    )
    .bind(&made.id)
    .fetch_all(&mut admin)
    .await
    .unwrap();
    let user = anna.user.to_string();
    let expected = [
        ("project.create".into(), user.clone(), "Weather".into(), None, Some("Weather".into())),
        ("project.update".into(), user, "Climate".into(), Some("Weather".into()), Some("Climate".into())),
    ];
    assert_eq!(events, expected);
}
