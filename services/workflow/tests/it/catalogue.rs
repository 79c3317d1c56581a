//! What the service makes of the catalogue: new atoms are found, the newest version is pinned.

use serde_json::json;
use trinity_proto::common::Json;
use trinity_proto::registry::AtomVersion;
use trinity_testkit::eventually;

use crate::peers::atom_version;
use crate::stage::{LIMIT, Stage, new_workflow, next_version};

fn noop(slug: &str, version: &str) -> AtomVersion {
    let spec = trinity_catalog::find_latest("noop").unwrap();
    AtomVersion { atom: slug.to_owned(), version: version.to_owned(), ..atom_version(spec) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_atom_that_registry_learns_of_can_soon_be_used() {
    let stage = Stage::new().await;
    let editor = stage.editor();
    let canvas = json!({"molecules": [{"id": "m", "atoms": [{"id": "a", "atom": "brand-new"}]}]}).to_string();
    let error = stage.save(&editor, new_workflow(&editor, "New", &canvas)).await.unwrap_err();
    assert_eq!(error.violations()[0].reason, "unknown_atom");
    // One that cannot be used is left out and harms no other.
    stage.registry.add_atom(AtomVersion { config_schema: Some(Json::new("{\"type\": 7}")), ..noop("broken", "1.0.0") });
    stage.registry.add_atom(noop("brand-new", "0.9.0"));
    stage.registry.add_atom(noop("brand-new", "0.10.0"));
    let saved = eventually(LIMIT, "the new atom", || async {
        stage.save(&editor, new_workflow(&editor, "New", &canvas)).await.ok()
    })
    .await;
    let workflow = saved.workflow.unwrap();
    let plan = stage.plan(&editor, &workflow.id, None).await.unwrap().plan.unwrap();
    assert_eq!(plan.tasks[0].atom_version, "0.10.0");
    let pinned = json!({"molecules": [{"id": "m", "atoms": [{"id": "a", "atom": "brand-new", "version": "0.9.0"}]}]});
    stage.save(&editor, next_version(&workflow, &pinned.to_string())).await.unwrap();
    let plan = stage.plan(&editor, &workflow.id, None).await.unwrap();
    assert_eq!((plan.version, plan.plan.unwrap().tasks[0].atom_version.as_str()), (2, "0.9.0"));
    let old = stage.plan(&editor, &workflow.id, Some(1)).await.unwrap();
    assert_eq!(old.plan.unwrap().tasks[0].atom_version, "0.10.0");
}
