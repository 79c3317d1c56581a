//! The built-in atoms as a catalogue, for tests.

use std::sync::{Arc, LazyLock};

use super::catalog::{AtomFacts, AtomVersion, Catalog};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut facts: Vec<AtomFacts> = trinity_catalog::all().iter().map(facts).collect();
    // A second version, to be the newest; and an atom that takes whatever comes.
    let noop = facts.iter().find(|facts| facts.slug == "noop").unwrap().clone();
    facts.push(AtomFacts { version: "1.10.0".to_owned(), ..noop.clone() });
    if !facts.iter().any(|facts| facts.slug == "partition") {
        facts.push(AtomFacts {
            slug: "partition".to_owned(),
            max_inputs: 1,
            passthrough: false,
            outputs: vec!["data".to_owned()],
            ..noop.clone()
        });
    }
    facts.push(AtomFacts { slug: "any".to_owned(), max_inputs: u32::MAX, ..noop });
    Catalog::new(facts.into_iter().map(|facts| Arc::new(AtomVersion::compile(facts).unwrap())).collect())
});

pub fn catalog() -> &'static Catalog {
    &CATALOG
}

fn facts(spec: &trinity_catalog::AtomSpec) -> AtomFacts {
    AtomFacts {
        slug: spec.slug.clone(),
        version: spec.version.clone(),
        min_inputs: spec.min_inputs,
        max_inputs: spec.max_inputs,
        outputs: spec.outputs.clone(),
        passthrough: spec.passthrough,
        kind: spec.kind.clone(),
        schema_text: spec.config_schema.clone(),
    }
}
