//! Saving: byte for byte, all or nothing, one winner, nothing twice.

use futures::future::join_all;
use serde_json::json;
use sqlx::Row;
use trinity_error::Code;
use trinity_ids::{ProjectId, WorkflowId};
use trinity_proto::workflow as pb;
use trinity_testkit::eventually;

use crate::stage::{LIMIT, Stage, answer, new_workflow, next_version, noops, text};

/// A canvas of more than 100 KB with keys out of order, large numbers, and white space of its own.
fn odd_canvas() -> String {
    let points: Vec<String> =
        (0..3_000).map(|n| format!("{{\"y\":{n}.50, \"x\" : 1234567890123456789012{n},\"é\":\"\\u00e9\"}}")).collect();
    format!(
        "{{ \"zoom\": 1.0e+2,\n  \"connections\":[],\t\"molecules\" : [ {{\"position\": {{\"y\": 1, \"x\": 18446744073709551617}}, \"id\": \"main\",
        \"atoms\": [{{\"config\":  {{ }}, \"atom\": \"noop\", \"id\": \"a\"}}]}}],\n \"drawing\": [{}] }}",
        points.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_odd_canvas_comes_back_byte_for_byte() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let canvas = odd_canvas();
    assert!(canvas.len() > 100_000);
    let saved = stage.save(&editor, new_workflow(&editor, "Odd", &canvas)).await.unwrap().workflow.unwrap();
    assert_eq!(text(&saved.canvas), canvas);
    let read = stage.get(&editor, &saved.id).await.unwrap();
    assert_eq!(text(&read.canvas), canvas);
    assert_eq!((read.version, read.slug.as_str(), read.created_by), (1, "odd", editor.user.to_string()));
    assert_eq!((read.molecules_used, read.atoms_used), (vec!["main".to_owned()], vec!["noop".to_owned()]));
    let version = pb::GetVersionRequest { workflow_id: saved.id.clone(), version: 1 };
    let version = answer(stage.client.clone().get_version(editor.asks(version)).await).unwrap().version.unwrap();
    assert_eq!(text(&version.canvas), canvas);
    let (state, revision) = stage.registry.canvas(editor.project).unwrap();
    assert_eq!((state, revision), (canvas, 1));
    let plan = stage.plan(&editor, &saved.id, None).await.unwrap().plan.unwrap();
    assert_eq!(text(&plan.tasks[0].config), "{ }");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_older_form_is_stored_in_the_new_one() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let canvas = r#"{"context": {"n": 18446744073709551616, "a": 1}, "molecules": [{"id": "prep", "type": "Explore", "selectedAtoms": {"noop": true, "sort": false, "wait": true}, "position": {"x": 1}}], "metadata": {}}"#;
    let saved = stage.save(&editor, new_workflow(&editor, "Old", canvas)).await.unwrap_err();
    // What an atom must be told, nobody told it.
    assert_eq!(saved.violations()[0].field, "molecules[0].atoms[1].config.milliseconds");
    let canvas = canvas.replace("\"wait\": true", "\"data-profiler\": true");
    let saved = stage.save(&editor, new_workflow(&editor, "Old", &canvas)).await.unwrap();
    let expected = r#"{"context": {"n": 18446744073709551616, "a": 1}, "molecules": [{"id": "prep", "type": "Explore", "atoms": [{"id": "noop", "atom": "noop"}, {"id": "data-profiler", "atom": "data-profiler"}], "position": {"x": 1}}], "metadata": {}}"#;
    let workflow = saved.workflow.unwrap();
    assert_eq!(text(&workflow.canvas), expected);
    assert_eq!(saved.faults.iter().map(|fault| fault.code.as_str()).collect::<Vec<_>>(), ["missing_input"]);
    assert_eq!(text(&stage.get(&editor, &workflow.id).await.unwrap().canvas), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_that_fails_at_its_end_leaves_nothing() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let mut admin = stage.db.admin().await;
    let inject = "ALTER TABLE workflow.outbox ADD CONSTRAINT injected CHECK (action <> 'workflow.save')";
    sqlx::query(inject).execute(&mut admin).await.unwrap();
    let failed = stage.save(&editor, new_workflow(&editor, "Lost", &noops(&["a"]).to_string())).await.unwrap_err();
    assert_eq!(failed.code(), Code::Internal);
    let counts = sqlx::query(
        "SELECT (SELECT count(*) FROM workflow.workflows), (SELECT count(*) FROM workflow.workflow_versions),
            (SELECT count(*) FROM workflow.workflow_atoms), (SELECT count(*) FROM workflow.project_canvases)",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert_eq!((0..4).map(|column| counts.get::<i64, _>(column)).collect::<Vec<_>>(), [0, 0, 0, 0]);
    assert!(stage.registry.canvas(editor.project).is_none());
    sqlx::query("ALTER TABLE workflow.outbox DROP CONSTRAINT injected").execute(&mut admin).await.unwrap();
    stage.saved(&editor, "Lost", &noops(&["a"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_save_is_refused_and_loses_nothing() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let first = stage.saved(&editor, "Race", &noops(&["a"])).await;
    let second = stage.save(&editor, next_version(&first, &noops(&["a", "b"]).to_string())).await.unwrap();
    assert_eq!(second.workflow.unwrap().version, 2);
    let stale = stage.save(&editor, next_version(&first, &noops(&["c"]).to_string())).await.unwrap_err();
    assert_eq!((stale.code(), stale.reason()), (Code::Aborted, "VERSION_CONFLICT"));
    let now = stage.get(&editor, &first.id).await.unwrap();
    assert_eq!((now.version, text(&now.canvas)), (2, noops(&["a", "b"]).to_string().as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_saves_on_one_version_one_wins() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let first = stage.saved(&editor, "Race", &noops(&["a"])).await;
    let names: Vec<String> = (0..10).map(|n| format!("n{n}")).collect();
    let saves = names.iter().map(|name| stage.save(&editor, next_version(&first, &noops(&[name]).to_string())));
    let (won, lost): (Vec<_>, Vec<_>) = join_all(saves).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 9));
    assert!(lost.into_iter().all(|lost| lost.unwrap_err().reason() == "VERSION_CONFLICT"));
    let winner = won.into_iter().next().unwrap().unwrap().workflow.unwrap();
    let now = stage.get(&editor, &first.id).await.unwrap();
    assert_eq!((now.version, &now.canvas), (2, &winner.canvas));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_save_twice_makes_no_version() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let canvas = noops(&["a"]).to_string();
    let first = stage.saved(&editor, "Same", &noops(&["a"])).await;
    let again = stage.save(&editor, new_workflow(&editor, "Same", &canvas)).await.unwrap().workflow.unwrap();
    assert_eq!((again.id.as_str(), again.version), (first.id.as_str(), 1));
    let again = stage.save(&editor, next_version(&first, &canvas)).await.unwrap().workflow.unwrap();
    assert_eq!((again.version, again.updated_at), (1, first.updated_at));
    assert_eq!(stage.registry.canvas(editor.project).unwrap().1, 1);
    let other = stage.save(&editor, new_workflow(&editor, "Same", &noops(&["b"]).to_string())).await.unwrap_err();
    assert_eq!((other.code(), other.reason()), (Code::AlreadyExists, "SLUG_TAKEN"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_save_in_a_project_grows_its_revision() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let one = stage.saved(&editor, "One", &noops(&["a"])).await;
    stage.saved(&editor, "Two", &noops(&["b"])).await;
    stage.save(&editor, next_version(&one, &noops(&["c"]).to_string())).await.unwrap();
    let (state, revision) = stage.registry.canvas(editor.project).unwrap();
    assert_eq!((state, revision), (noops(&["c"]).to_string(), 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registry_that_was_away_is_told_later_and_audit_hears_of_the_save() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    stage.registry.set_deaf(true);
    let saved = stage.saved(&editor, "Late", &noops(&["a"])).await;
    assert!(stage.registry.canvas(editor.project).is_none());
    stage.registry.set_deaf(false);
    let told = eventually(LIMIT, "the canvas at registry", || async { stage.registry.canvas(editor.project) }).await;
    assert_eq!(told, (noops(&["a"]).to_string(), 1));
    let event = eventually(LIMIT, "the event at audit", || async { stage.audit.events().pop() }).await;
    assert_eq!((event.action.as_str(), event.object_id.as_str()), ("workflow.save", saved.id.as_str()));
    let after: serde_json::Value = serde_json::from_str(&event.after.unwrap().text).unwrap();
    assert_eq!(after["version"], 1);
    assert!(event.before.is_none() && after.get("canvas").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_save_needs_is_asked_for_by_name() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let good = || new_workflow(&editor, "Good", &noops(&["a"]).to_string());
    let refused = [
        ("project_id", pb::SaveCanvasRequest { project_id: "x".to_owned(), ..good() }),
        ("name", pb::SaveCanvasRequest { name: String::new(), ..good() }),
        ("slug", pb::SaveCanvasRequest { slug: "No Slug".to_owned(), ..good() }),
        ("canvas", pb::SaveCanvasRequest { canvas: None, ..good() }),
        ("version", pb::SaveCanvasRequest { version: Some(3), ..good() }),
        ("comment", pb::SaveCanvasRequest { comment: "x".repeat(3000), ..good() }),
    ];
    for (field, request) in refused {
        let error = stage.save(&editor, request).await.unwrap_err();
        assert_eq!((error.code(), error.violations()[0].field.as_str()), (Code::InvalidArgument, field));
    }
    let nowhere = pb::SaveCanvasRequest { project_id: ProjectId::new().into(), ..good() };
    assert_eq!(stage.save(&editor, nowhere).await.unwrap_err().reason(), "PROJECT_NOT_FOUND");
    let nothing = pb::SaveCanvasRequest { workflow_id: WorkflowId::new().into(), ..good() };
    assert_eq!(stage.save(&editor, nothing).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
    let saved = stage
        .saved(&editor, "Good", &json!({"molecules": [{"id": "m", "atoms": [{"id": "a", "atom": "noop"}]}]}))
        .await;
    let elsewhere = stage.colleague(editor.tenant, ProjectId::new());
    stage.registry.add_project(elsewhere.tenant, elsewhere.project, elsewhere.user);
    let moved =
        pb::SaveCanvasRequest { project_id: elsewhere.project.into(), ..next_version(&saved, "{\"molecules\": []}") };
    assert_eq!(stage.save(&editor, moved).await.unwrap_err().reason(), "WORKFLOW_NOT_FOUND");
}
