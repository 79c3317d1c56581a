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
    include_str!("../specs/csv-reader-1.1.0.json"),
    include_str!("../specs/parquet-reader.json"),
    include_str!("../specs/excel-reader.json"),
    include_str!("../specs/json-reader.json"),
    include_str!("../specs/arrow-reader.json"),
    include_str!("../specs/postgres-reader.json"),
    include_str!("../specs/missing-value-analyzer.json"),
    include_str!("../specs/clean.json"),
    include_str!("../specs/clean-1.1.0.json"),
    include_str!("../specs/validate.json"),
    include_str!("../specs/filter.json"),
    include_str!("../specs/select.json"),
    include_str!("../specs/rename.json"),
    include_str!("../specs/cast.json"),
    include_str!("../specs/derive.json"),
    include_str!("../specs/sort.json"),
    include_str!("../specs/sort-1.1.0.json"),
    include_str!("../specs/distinct.json"),
    include_str!("../specs/limit.json"),
    include_str!("../specs/sample.json"),
    include_str!("../specs/join.json"),
    include_str!("../specs/join-1.1.0.json"),
    include_str!("../specs/union.json"),
    include_str!("../specs/union-1.1.0.json"),
    include_str!("../specs/aggregate.json"),
    include_str!("../specs/aggregate-1.1.0.json"),
    include_str!("../specs/pivot.json"),
    include_str!("../specs/unpivot.json"),
    include_str!("../specs/window.json"),
    include_str!("../specs/partition.json"),
    include_str!("../specs/sql.json"),
    include_str!("../specs/sql-1.1.0.json"),
    include_str!("../specs/data-profiler.json"),
    include_str!("../specs/data-profiler-1.1.0.json"),
    include_str!("../specs/column-classifier.json"),
    include_str!("../specs/http.json"),
    include_str!("../specs/remote.json"),
    include_str!("../specs/column-classifier-1.1.0.json"),
    include_str!("../specs/correlation.json"),
    include_str!("../specs/outliers.json"),
    include_str!("../specs/linear-regression.json"),
    include_str!("../specs/ridge-regression.json"),
    include_str!("../specs/marketing-mix.json"),
    include_str!("../specs/forecast.json"),
    include_str!("../specs/write.json"),
    include_str!("../specs/postgres-writer.json"),
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

    use serde_json::Value;

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
            let mut config: Value = serde_json::from_str(&spec.example).unwrap();
            config["no_such_setting"] = 1.into();
            let faults = schema.faults(&config);
            assert_eq!(faults.len(), 1, "{}: {faults:?}", spec.slug);
            assert_eq!(faults[0].path, "/no_such_setting");
        }
    }

    /// What lacks a description among the settings of a schema, by its place.
    fn undescribed(schema: &Value, place: &str, found: &mut Vec<String>) {
        for (name, setting) in schema["properties"].as_object().into_iter().flatten() {
            let place = format!("{place}/{name}");
            if !setting["description"].as_str().is_some_and(|text| text.ends_with('.')) {
                found.push(place.clone());
            }
            undescribed(setting, &place, found);
        }
        if let Some(items) = schema.get("items") {
            undescribed(items, &format!("{place}/[]"), found);
        }
        for branch in schema["oneOf"].as_array().into_iter().flatten() {
            undescribed(branch, place, found);
        }
    }

    /// Settings with a default that their own schema refuses.
    fn bad_defaults(schema: &Value) -> Vec<&String> {
        let settings = schema["properties"].as_object().into_iter().flatten();
        let with_default = settings.filter_map(|(name, setting)| Some((name, setting, setting.get("default")?)));
        with_default
            .filter(|(_, setting, default)| {
                !ConfigSchema::compile((*setting).clone()).unwrap().faults(default).is_empty()
            })
            .map(|(name, ..)| name)
            .collect()
    }

    #[test]
    fn every_setting_of_a_newest_version_is_described() {
        for spec in all().iter().filter(|spec| find_latest(&spec.slug).unwrap().version == spec.version) {
            let schema: Value = serde_json::from_str(&spec.config_schema).unwrap();
            let mut found = Vec::new();
            undescribed(&schema, "", &mut found);
            assert!(found.is_empty(), "{} {}: {found:?} without a description", spec.slug, spec.version);
            assert!(bad_defaults(&schema).is_empty(), "{}: {:?}", spec.slug, bad_defaults(&schema));
        }
    }

    #[test]
    fn ports_say_what_goes_in_and_out() {
        for spec in all() {
            let described = |port: &Port| {
                let columns = port.columns.iter().all(|column| column.description.ends_with('.'));
                !port.name.is_empty() && port.description.ends_with('.') && columns
            };
            assert!(TYPES.contains(&spec.kind.as_str()), "{}: {}", spec.slug, spec.kind);
            assert!(spec.input_ports.iter().chain(&spec.output_ports).all(described), "{}", spec.slug);
            assert!(spec.input_ports.len() <= spec.max_inputs as usize, "{}", spec.slug);
            assert_eq!(spec.input_ports.is_empty(), spec.max_inputs == 0, "{}", spec.slug);
            let names: Vec<&String> = spec.output_ports.iter().map(|port| &port.name).collect();
            assert_eq!(names, spec.outputs.iter().collect::<Vec<_>>(), "{}", spec.slug);
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
