//! An atom's config against the schema of its version.

use serde_json::Value;
use trinity_expression::{CONTEXT, Expression};

use crate::domain::canvas::Atom;
use crate::domain::catalog::AtomVersion;
use crate::domain::compile::Named;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::plan::Call;

/// The atom that runs another workflow.
const WORKFLOW: &str = "workflow";
/// The atom of workers elsewhere.
const REMOTE: &str = "remote";

/// Every fault of the config, and what it names.
pub(super) fn check(atom: &Atom, version: &AtomVersion) -> (Vec<Fault>, Named) {
    let place = format!("{}.config", atom.place);
    let config: Value = match serde_json::from_str(atom.config.get()) {
        Ok(config) => config,
        Err(error) => return (vec![Fault::new(place, FaultCode::Malformed, error.to_string())], Named::default()),
    };
    let faults = version.validator.faults(&config).into_iter().map(|fault| {
        let place = format!("{place}{}", place_of(&fault.path, &config));
        let lacks = |format| is_empty(&config, &fault.path) && takes(&version.schema, &fault.path, format);
        if lacks("dataset") {
            return Fault::new(place, FaultCode::MissingDataset, "a dataset is to be chosen");
        }
        if lacks("workflow") {
            return Fault::new(place, FaultCode::MissingWorkflow, "a workflow is to be chosen");
        }
        Fault::new(place, FaultCode::BadConfig, fault.message)
    });
    let mut faults: Vec<Fault> = faults.collect();
    faults.extend(bad_expression(atom, &place, &config));
    (faults, named(atom, version, &place, &config))
}

fn named(atom: &Atom, version: &AtomVersion, place: &str, config: &Value) -> Named {
    let chosen = |ids: Vec<String>| ids.into_iter().filter(|id| !id.is_empty()).collect();
    let call = |id: String| Some(Call { workflow: id.parse().ok()?, place: format!("{place}.workflow") });
    let is_workflow = atom.slug == WORKFLOW;
    let worker = config["worker"].as_str().filter(|_| atom.slug == REMOTE);
    Named {
        dataset_ids: chosen(version.validator.dataset_ids(config)),
        secrets: version.validator.secrets(config),
        calls: version.validator.workflow_ids(config).into_iter().filter_map(call).collect(),
        worker_label: worker.unwrap_or_default().to_owned(),
        fans_out: is_workflow && config["for_each"].is_object(),
        over_partitions: is_workflow && config["for_each"]["partitions"] == true,
    }
}

/// What is wrong with the expression that a fan-out goes over.
fn bad_expression(atom: &Atom, place: &str, config: &Value) -> Option<Fault> {
    let expression = config["for_each"]["expression"].as_str().filter(|_| atom.slug == WORKFLOW)?;
    let fault = Expression::parse_over(expression, CONTEXT).err()?;
    Some(Fault::new(format!("{place}.for_each.expression"), FaultCode::BadExpression, fault.message))
}

/// A JSON pointer as people write places: `/aggregations/0/function` is `.aggregations[0].function`.
fn place_of(pointer: &str, config: &Value) -> String {
    let mut place = String::new();
    let mut value = Some(config);
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        if value.is_some_and(Value::is_array) {
            place.push_str(&format!("[{key}]"));
            value = key.parse::<usize>().ok().and_then(|index| value?.get(index));
        } else {
            place.push_str(&format!(".{key}"));
            value = value.and_then(|value| value.get(&key));
        }
    }
    place
}

/// Whether nothing stands at a place.
fn is_empty(config: &Value, pointer: &str) -> bool {
    match config.pointer(pointer) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str() == Some(""),
    }
}

/// Whether the schema asks for something of a format at a place.
fn takes(schema: &Value, pointer: &str, format: &str) -> bool {
    let tokens: Vec<&str> = pointer.split('/').skip(1).collect();
    takes_at(schema, &tokens, format)
}

fn takes_at(schema: &Value, tokens: &[&str], format: &str) -> bool {
    let branches = ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|keyword| schema[keyword].as_array());
    if branches.flatten().any(|branch| takes_at(branch, tokens, format)) {
        return true;
    }
    let Some((token, rest)) = tokens.split_first() else { return schema["format"] == format };
    let inner =
        schema["properties"].get(token).or_else(|| schema.get("items")).or_else(|| schema.get("additionalProperties"));
    inner.is_some_and(|inner| takes_at(inner, rest, format))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_become_places() {
        let config = json!({"a": [{"b/c": 1}], "0": {"1": 2}});
        assert_eq!(place_of("/a/0/b~1c", &config), ".a[0].b/c");
        assert_eq!(place_of("/0/1", &config), ".0.1");
        assert_eq!(place_of("", &config), "");
    }

    #[test]
    fn a_dataset_may_be_missing_wherever_one_is_asked_for() {
        let dataset = json!({"type": "string", "format": "dataset"});
        let schema = json!({"properties": {"one": dataset, "many": {"items": {"oneOf": [{"type": "null"}, dataset]}}, "name": {}}});
        let lacks_dataset = |schema: &Value, config: &Value, pointer: &str| {
            is_empty(config, pointer) && takes(schema, pointer, "dataset")
        };
        assert!(lacks_dataset(&schema, &json!({}), "/one"));
        assert!(lacks_dataset(&schema, &json!({"many": ["x", ""]}), "/many/1"));
        assert!(!lacks_dataset(&schema, &json!({"one": "weather"}), "/one"));
        assert!(!lacks_dataset(&schema, &json!({}), "/name"));
    }
}
