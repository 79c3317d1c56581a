//! Configs checked against a schema, and the datasets, secrets and workflows they name.

use jsonschema::Validator;
use serde_json::Value;
use uuid::Uuid;

use crate::fault;

/// The most faults reported for one config.
const MAX_FAULTS: usize = 50;
/// The longest name of a secret, in bytes.
const MAX_SECRET_NAME_BYTES: usize = 128;
/// How deep configs are searched for what they name.
const MAX_DEPTH: usize = 32;

/// One thing wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// JSON pointer into the config; empty for the config as a whole.
    pub path: String,
    pub message: String,
}

/// A schema that is no valid JSON Schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid config schema: {0}")]
pub struct BadSchema(pub String);

/// A compiled schema: costly to make, cheap to use, to be kept by callers that check often.
#[derive(Debug)]
pub struct ConfigSchema {
    schema: Value,
    validator: Validator,
}

impl ConfigSchema {
    /// Compiles a schema given as text.
    ///
    /// # Errors
    /// `BadSchema` when it is no JSON or no JSON Schema.
    pub fn parse(schema: &str) -> Result<Self, BadSchema> {
        Self::compile(serde_json::from_str(schema).map_err(|error| BadSchema(error.to_string()))?)
    }

    /// Compiles a schema.
    ///
    /// # Errors
    /// `BadSchema` when it is no JSON Schema, or refers to another document.
    pub fn compile(schema: Value) -> Result<Self, BadSchema> {
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_format("dataset", |id| Uuid::try_parse(id).is_ok())
            .with_format("workflow", |id| Uuid::try_parse(id).is_ok())
            .with_format("secret", is_secret_name)
            .build(&schema)
            .map_err(|error| BadSchema(error.to_string()))?;
        Ok(Self { schema, validator })
    }

    /// Everything that is wrong with a config, each with its place; at most 50 faults.
    pub fn faults(&self, config: &Value) -> Vec<ConfigFault> {
        self.validator.iter_errors(config).flat_map(|error| fault::explain(&error)).take(MAX_FAULTS).collect()
    }

    /// The datasets that a config names, each once, in the order of the schema.
    pub fn dataset_ids(&self, config: &Value) -> Vec<String> {
        dataset_ids(&self.schema, config)
    }

    /// The names of secrets that a config holds, each once: values of the fields whose schema has `"format": "secret"`.
    pub fn secrets(&self, config: &Value) -> Vec<String> {
        named(&self.schema, config, "secret")
    }

    /// The workflows that a config names, each once.
    pub fn workflow_ids(&self, config: &Value) -> Vec<String> {
        named(&self.schema, config, "workflow")
    }
}

/// Whether a text can be the name of a secret: that of a variable of somebody's environment.
pub fn is_secret_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= MAX_SECRET_NAME_BYTES
        && text.as_bytes().first().is_some_and(u8::is_ascii_uppercase)
        && text.bytes().all(plain)
}

/// Checks a config once; callers that check often keep a [`ConfigSchema`].
///
/// # Errors
/// `BadSchema` when the schema is no JSON Schema.
pub fn validate_config(schema: &Value, config: &Value) -> Result<Vec<ConfigFault>, BadSchema> {
    Ok(ConfigSchema::compile(schema.clone())?.faults(config))
}

/// Values of the fields whose schema has `"format": "dataset"`, each once.
pub fn dataset_ids(schema: &Value, config: &Value) -> Vec<String> {
    named(schema, config, "dataset")
}

/// Values of the fields whose schema has a format, each once.
fn named(schema: &Value, config: &Value, format: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(schema, config, format, &mut found, 0);
    found
}

fn collect(schema: &Value, value: &Value, format: &str, found: &mut Vec<String>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    if let (Some(kind), Some(name)) = (schema["format"].as_str(), value.as_str())
        && kind == format
        && !found.iter().any(|seen| seen == name)
    {
        found.push(name.to_owned());
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, property) in properties {
            if let Some(field) = fields.get(name) {
                collect(property, field, format, found, depth + 1);
            }
        }
    }
    if let (Some(additional), Some(fields)) = (schema.get("additionalProperties"), value.as_object()) {
        let known = |name: &str| schema["properties"].get(name).is_some();
        fields
            .iter()
            .filter(|(name, _)| !known(name))
            .for_each(|(_, field)| collect(additional, field, format, found, depth + 1));
    }
    if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
        elements.iter().for_each(|element| collect(items, element, format, found, depth + 1));
    }
    for keyword in ["oneOf", "anyOf", "allOf"] {
        for branch in schema[keyword].as_array().into_iter().flatten() {
            collect(branch, value, format, found, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "0190a1b2-0000-7000-8000-000000000001";

    fn faults(slug: &str, config: &Value) -> Vec<(String, String)> {
        let spec = crate::find_latest(slug).unwrap();
        let schema = ConfigSchema::parse(&spec.config_schema).unwrap();
        schema.faults(config).into_iter().map(|fault| (fault.path, fault.message)).collect()
    }

    #[test]
    fn each_fault_is_named_with_its_place() {
        assert_eq!(faults("csv-reader", &json!({})), [("/dataset".into(), "is required".into())]);
        assert_eq!(
            faults("csv-reader", &json!({"dataset": "mine", "delimiter": ";;", "colour": 1})),
            [
                ("/dataset".into(), "must be the id of a dataset".into()),
                ("/delimiter".into(), "must have at most 1 character".into()),
                ("/colour".into(), "unknown setting".into()),
            ]
        );
        assert_eq!(faults("filter", &json!("text")), [(String::new(), "must be an object".into())]);
        let nested = json!({"aggregations": [{"column": "wind", "function": "avg"}]});
        let found = faults("aggregate", &nested);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "/aggregations/0/function");
        assert!(found[0].1.contains("\"mean\""), "{}", found[0].1);
    }

    #[test]
    fn of_several_shapes_the_one_that_was_meant_is_explained() {
        let config =
            json!({"group_by": [{"expression": "date_part('month', date)"}], "aggregations": [{"function": "count"}]});
        assert_eq!(faults("aggregate", &config), [("/group_by/0/as".into(), "is required".into())]);
        let config = json!({"group_by": [7], "aggregations": [{"function": "count"}]});
        assert_eq!(faults("aggregate", &config), [("/group_by/0".into(), "must be a string or an object".into())]);
    }

    #[test]
    fn only_a_count_goes_without_a_column() {
        assert_eq!(faults("aggregate", &json!({"aggregations": [{"function": "count"}]})), []);
        let found = faults("aggregate", &json!({"aggregations": [{"function": "sum"}]}));
        assert_eq!(found, [("/aggregations/0/column".into(), "is required".into())]);
    }

    #[test]
    fn a_sample_has_either_a_fraction_or_a_number_of_rows() {
        assert_eq!(faults("sample", &json!({"fraction": 0.5})), []);
        assert_eq!(faults("sample", &json!({"fraction": 0.5, "rows": 1})).len(), 1);
        assert!(!faults("sample", &json!({})).is_empty());
    }

    #[test]
    fn datasets_are_found_wherever_the_schema_has_them() {
        let dataset = json!({"type": "string", "format": "dataset"});
        let schema = json!({"properties": {
            "one": dataset, "many": {"items": {"oneOf": [dataset, {"type": "object", "properties": {"inner": dataset}}]}},
            "by_name": {"additionalProperties": dataset}, "name": {"type": "string"},
        }});
        let config = json!({"one": "a", "many": ["b", {"inner": "c"}, "a"], "by_name": {"x": "d"}, "name": "e"});
        assert_eq!(dataset_ids(&schema, &config), ["a", "b", "c", "d"]);
        let reader = crate::find_latest("csv-reader").unwrap();
        let schema = ConfigSchema::parse(&reader.config_schema).unwrap();
        assert_eq!(schema.dataset_ids(&json!({"dataset": ID, "delimiter": ";"})), [ID]);
    }

    #[test]
    fn secrets_are_named_and_never_held() {
        let secret = json!({"type": "string", "format": "secret"});
        let schema = json!({"properties": {"connection": secret, "headers": {"additionalProperties": secret}}});
        let schema = ConfigSchema::compile(schema).unwrap();
        let config = json!({"connection": "WAREHOUSE", "headers": {"Authorization": "API_TOKEN", "X": "WAREHOUSE"}});
        assert_eq!(schema.secrets(&config), ["WAREHOUSE", "API_TOKEN"]);
        assert_eq!(schema.faults(&config), []);
        let found = schema.faults(&json!({"connection": "postgres://user:word@host/db"}));
        assert_eq!(found[0].message, "must be the name of a variable of your environment, such as \"API_TOKEN\"");
        assert!(!is_secret_name("") && !is_secret_name("1A") && !is_secret_name("a") && is_secret_name("A_1"));
    }

    #[test]
    fn a_sub_workflow_says_once_what_it_goes_over() {
        assert_eq!(
            faults("workflow", &json!({"workflow": ID, "for_each": {"items": [1, "b", null]}, "width": 100})),
            []
        );
        assert_eq!(faults("workflow", &json!({"workflow": ID, "for_each": {"partitions": true}})), []);
        assert_eq!(faults("workflow", &json!({"workflow": "x"}))[0].1, "must be the id of a workflow");
        for bad in [
            json!({}),
            json!({"items": [], "partitions": true}),
            json!({"partitions": false}),
            json!({"expression": ""}),
        ] {
            assert!(!faults("workflow", &json!({"workflow": ID, "for_each": bad})).is_empty(), "{bad}");
        }
        let schema = ConfigSchema::parse(&crate::find_latest("workflow").unwrap().config_schema).unwrap();
        assert_eq!(schema.workflow_ids(&json!({"workflow": ID})), [ID]);
    }

    #[test]
    fn schemas_that_are_none_are_refused() {
        assert!(ConfigSchema::parse("{").is_err());
        assert!(validate_config(&json!({"type": "no such type"}), &json!({})).is_err());
        assert!(validate_config(&json!({"$ref": "https://example.com/schema.json"}), &json!({})).is_err());
    }
}
