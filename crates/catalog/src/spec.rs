//! The specs of the built-in atoms, embedded from `specs/`.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The categories of the catalogue, in the order in which a workflow usually goes through them.
pub const CATEGORIES: &[&str] = &["Data Pre-Process", "Explore", "Build", "Utility"];

/// The kinds of tasks that atoms make.
pub const TYPES: &[&str] = &["atom_execution", "data_transfer", "validation"];

/// One version of a built-in atom.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtomSpec {
    pub slug: String,
    /// Semantic version.
    pub version: String,
    pub name: String,
    /// One of [`CATEGORIES`].
    pub category: String,
    /// What kind of task it makes: one of [`TYPES`].
    #[serde(rename = "type", default = "atom_execution")]
    pub kind: String,
    /// Whether the engine itself executes it, so that no worker knows it.
    #[serde(default)]
    pub engine: bool,
    /// Whether it is executed by workers of other programs, found by the label that its config names.
    #[serde(default)]
    pub remote: bool,
    /// Whether equal inputs may give another result tomorrow, so that none is kept.
    #[serde(default)]
    pub volatile: bool,
    pub description: String,
    /// JSON Schema 2020-12 of the config, as text.
    #[serde(deserialize_with = "raw_text")]
    pub config_schema: String,
    /// A config that the schema accepts, as text.
    #[serde(deserialize_with = "raw_text")]
    pub example: String,
    pub min_inputs: u32,
    pub max_inputs: u32,
    /// What each input is; the last stands for all that follow.
    #[serde(default)]
    pub input_ports: Vec<Port>,
    /// What each output is, in the order of `outputs`.
    #[serde(default)]
    pub output_ports: Vec<Port>,
    /// Names of what it writes. The first is what the next atom receives, unless `passthrough`.
    pub outputs: Vec<String>,
    /// Whether the next atom receives this atom's inputs: it looks at data without changing it.
    pub passthrough: bool,
}

/// A table that an atom takes or writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    pub name: String,
    pub description: String,
    /// Set when its columns are always the same.
    #[serde(default)]
    pub columns: Vec<PortColumn>,
}

/// A column of a port.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortColumn {
    pub name: String,
    /// boolean, int64, float64, date, timestamp or string.
    #[serde(rename = "type")]
    pub kind: String,
    pub description: String,
}

fn atom_execution() -> String {
    TYPES[0].to_owned()
}

const FILES: &[&str] = &[
    include_str!("../specs/csv-reader.json"),
    include_str!("../specs/parquet-reader.json"),
    include_str!("../specs/missing-value-analyzer.json"),
    include_str!("../specs/clean.json"),
    include_str!("../specs/filter.json"),
    include_str!("../specs/select.json"),
    include_str!("../specs/rename.json"),
    include_str!("../specs/sort.json"),
    include_str!("../specs/limit.json"),
    include_str!("../specs/sample.json"),
    include_str!("../specs/join.json"),
    include_str!("../specs/union.json"),
    include_str!("../specs/aggregate.json"),
    include_str!("../specs/sql.json"),
    include_str!("../specs/data-profiler.json"),
    include_str!("../specs/column-classifier.json"),
    include_str!("../specs/http.json"),
    include_str!("../specs/remote.json"),
    include_str!("../specs/noop.json"),
    include_str!("../specs/wait.json"),
    include_str!("../specs/fail.json"),
    include_str!("../specs/workflow.json"),
    include_str!("../specs/input.json"),
    include_str!("../specs/output.json"),
];

static SPECS: LazyLock<Vec<AtomSpec>> = LazyLock::new(|| {
    // Invariant: the embedded files parse; the tests below fail otherwise.
    FILES.iter().map(|text| serde_json::from_str(text).expect("an embedded spec is well-formed")).collect()
});

/// Every version of every built-in atom.
pub fn all() -> &'static [AtomSpec] {
    &SPECS
}

/// The spec of exactly this version.
pub fn find(slug: &str, version: &str) -> Option<&'static AtomSpec> {
    all().iter().find(|spec| spec.slug == slug && spec.version == version)
}

/// The newest version of an atom.
pub fn find_latest(slug: &str) -> Option<&'static AtomSpec> {
    let number =
        |spec: &&AtomSpec| -> Vec<u64> { spec.version.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    all().iter().filter(|spec| spec.slug == slug).max_by_key(number)
}

fn raw_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Box::<RawValue>::deserialize(deserializer)?.get().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ConfigSchema;

    #[test]
    fn every_example_is_accepted_by_its_schema() {
        for spec in all() {
            let schema =
                ConfigSchema::parse(&spec.config_schema).unwrap_or_else(|error| panic!("{}: {error}", spec.slug));
            let example = serde_json::from_str(&spec.example).unwrap();
            assert_eq!(schema.faults(&example), [], "{}", spec.slug);
        }
    }

    #[test]
    fn every_schema_refuses_unknown_settings() {
        for spec in all() {
            let schema = ConfigSchema::parse(&spec.config_schema).unwrap();
            let mut config: serde_json::Value = serde_json::from_str(&spec.example).unwrap();
            config["no_such_setting"] = 1.into();
            let faults = schema.faults(&config);
            assert_eq!(faults.len(), 1, "{}: {faults:?}", spec.slug);
            assert_eq!(faults[0].path, "/no_such_setting");
        }
    }

    #[test]
    fn specs_are_consistent() {
        let mut seen = HashSet::new();
        for spec in all() {
            assert!(seen.insert((&spec.slug, &spec.version)), "{} twice", spec.slug);
            assert!(CATEGORIES.contains(&spec.category.as_str()), "{}", spec.slug);
            assert!(spec.min_inputs <= spec.max_inputs, "{}", spec.slug);
            assert!(spec.passthrough || !spec.outputs.is_empty(), "{} hands nothing on", spec.slug);
            assert!(spec.description.ends_with('.') && spec.version.split('.').count() == 3, "{}", spec.slug);
            assert_eq!(find(&spec.slug, &spec.version).unwrap().name, spec.name);
            assert!(find_latest(&spec.slug).is_some());
        }
        assert!(find("csv-reader", "9.9.9").is_none() && find_latest("no-such-atom").is_none());
    }
}
