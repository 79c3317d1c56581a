//! An atom's config against the schema of its version.

use serde_json::Value;

use crate::domain::canvas::Atom;
use crate::domain::catalog::AtomVersion;
use crate::domain::fault::{Fault, FaultCode};

/// Every fault of the config, and the datasets that it names.
pub(super) fn check(atom: &Atom, version: &AtomVersion) -> (Vec<Fault>, Vec<String>) {
    let place = format!("{}.config", atom.place);
    let config: Value = match serde_json::from_str(atom.config.get()) {
        Ok(config) => config,
        Err(error) => return (vec![Fault::new(place, FaultCode::Malformed, error.to_string())], Vec::new()),
    };
    let faults = version.validator.faults(&config).into_iter().map(|fault| {
        let place = format!("{place}{}", place_of(&fault.path, &config));
        if lacks_dataset(&version.schema, &config, &fault.path) {
            return Fault::new(place, FaultCode::MissingDataset, "a dataset is to be chosen");
        }
        Fault::new(place, FaultCode::BadConfig, fault.message)
    });
    let faults = faults.collect();
    let chosen = |ids: Vec<String>| ids.into_iter().filter(|id| !id.is_empty()).collect();
    (faults, chosen(version.validator.dataset_ids(&config)))
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

/// Whether the fault is only that a dataset has not been chosen yet.
fn lacks_dataset(schema: &Value, config: &Value, pointer: &str) -> bool {
    let tokens: Vec<&str> = pointer.split('/').skip(1).collect();
    let is_empty = match config.pointer(pointer) {
        None | Some(Value::Null) => true,
        Some(value) => value.as_str() == Some(""),
    };
    is_empty && takes_dataset(schema, &tokens)
}

/// Whether the schema asks for a dataset at a place.
fn takes_dataset(schema: &Value, tokens: &[&str]) -> bool {
    let branches = ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|keyword| schema[keyword].as_array());
    if branches.flatten().any(|branch| takes_dataset(branch, tokens)) {
        return true;
    }
    let Some((token, rest)) = tokens.split_first() else { return schema["format"] == "dataset" };
    let inner =
        schema["properties"].get(token).or_else(|| schema.get("items")).or_else(|| schema.get("additionalProperties"));
    inner.is_some_and(|inner| takes_dataset(inner, rest))
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
        assert!(lacks_dataset(&schema, &json!({}), "/one"));
        assert!(lacks_dataset(&schema, &json!({"many": ["x", ""]}), "/many/1"));
        assert!(!lacks_dataset(&schema, &json!({"one": "weather"}), "/one"));
        assert!(!lacks_dataset(&schema, &json!({}), "/name"));
    }
}
