//! The catalogue of atoms.

use std::collections::HashSet;

use tonic::Code;
use trinity_context::RequestContext;
use trinity_proto::registry as pb;

use crate::stand::{Stand, reason};

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_holds_every_built_in_atom_as_it_was_built() {
    let stand = Stand::new().await;
    let answer = stand.atoms().get_catalog(stand.service_says(pb::GetCatalogRequest {})).await.unwrap().into_inner();
    assert_eq!(answer.versions.len(), trinity_catalog::all().len());
    for version in answer.versions {
        let spec = trinity_catalog::find(&version.atom, &version.version).unwrap();
        assert_eq!(version.config_schema.unwrap().text, spec.config_schema);
        assert_eq!((version.outputs.as_slice(), version.passthrough), (spec.outputs.as_slice(), spec.passthrough));
        assert_eq!((version.r#type.as_str(), version.input_ports.len()), (spec.kind.as_str(), spec.input_ports.len()));
        let ports: Vec<_> = version.output_ports.iter().map(|port| (&port.name, &port.description)).collect();
        assert_eq!(ports, spec.output_ports.iter().map(|port| (&port.name, &port.description)).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn atoms_are_found_by_category_and_words() {
    let stand = Stand::new().await;
    let viewer = stand.person("viewer");
    let list = async |category: &str, search: &str| {
        let request = pb::ListAtomsRequest {
            per_page: 200,
            category: category.into(),
            search: search.into(),
            ..pb::ListAtomsRequest::default()
        };
        stand.atoms().list_atoms(viewer.says(request)).await.unwrap().into_inner()
    };
    let all = list("", "").await;
    let slugs: HashSet<_> = trinity_catalog::all().iter().map(|spec| spec.slug.as_str()).collect();
    assert_eq!(all.page.unwrap().total, Some(slugs.len() as u64));
    assert!(all.atoms.windows(2).all(|pair| (&pair[0].category, &pair[0].name) <= (&pair[1].category, &pair[1].name)));
    let explore = list("Explore", "").await.atoms;
    assert!(!explore.is_empty() && explore.iter().all(|atom| atom.category == "Explore"));
    let found = list("", "CSV reader").await.atoms;
    assert!(found.iter().any(|atom| atom.slug == "csv-reader"));
    assert!(list("", "csv %").await.atoms.is_empty(), "wildcards are plain characters");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_active_version_is_the_latest_by_number() {
    let stand = Stand::new().await;
    let viewer = stand.person("viewer");
    let mut admin = stand.db.admin().await;
    sqlx::query(
        "INSERT INTO registry.atom_versions
        SELECT atom, added.version, config_schema, example, min_inputs, max_inputs, outputs, passthrough, added.active
        FROM registry.atom_versions, (VALUES ('1.10.0', true), ('1.9.0', true), ('2.0.0', false)) AS added (version, active)
        WHERE atom = 'filter' AND atom_versions.version = '1.0.0'",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let get = |slug: &str| pb::GetAtomRequest { slug: slug.to_owned() };
    let atom = stand.atoms().get_atom(viewer.says(get("filter"))).await.unwrap().into_inner().atom.unwrap();
    assert_eq!(atom.latest.unwrap().version, "1.10.0");
    let request = pb::ListAtomVersionsRequest { slug: "filter".into() };
    let versions = stand.atoms().list_atom_versions(viewer.says(request)).await.unwrap().into_inner().versions;
    let numbers: Vec<_> = versions.iter().map(|version| version.version.as_str()).collect();
    assert_eq!(numbers, ["2.0.0", "1.10.0", "1.9.0", "1.0.0"]);
    let missing = stand.atoms().get_atom(viewer.says(get("no-such-atom"))).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "ATOM_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_version_cannot_be_changed_by_the_service() {
    let stand = Stand::new().await;
    let db = stand.db.db();
    for statement in [
        "UPDATE atom_versions SET passthrough = true",
        "DELETE FROM atom_versions",
        "DELETE FROM atoms",
        "DELETE FROM apps",
    ] {
        let mut tx =
            db.begin(&RequestContext::service("test").for_tenant(stand.person("viewer").tenant)).await.unwrap();
        let refused = sqlx::query(statement).execute(&mut *tx).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
}
