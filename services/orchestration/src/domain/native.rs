//! Atoms that the engine carries out itself: a workflow below this one, and the doors between the two.

use serde::Deserialize;
use serde_json::{Map, Value};
use trinity_expression::{CONTEXT, Expression, Variables};
use trinity_ids::WorkflowId;

use crate::domain::file::{File, Part};

/// Starts runs of another workflow.
pub const WORKFLOW: &str = "workflow";
/// Hands on what the parent's task was given.
pub const INPUT: &str = "input";
/// Marks what goes back to the parent's task.
pub const OUTPUT: &str = "output";
/// Parts a table by the values of a column; a worker does it, the engine keeps the parts.
pub const PARTITION: &str = "partition";
/// What the compiler puts behind a fan-out, at a place that ends with [`JOIN_PLACE`].
const UNION: &str = "union";
const JOIN_PLACE: &str = ".join";

/// How many runs one fan-out starts at the most.
pub const MAX_ITEMS: usize = 10_000;
const DEFAULT_WIDTH: u32 = 4;
const MAX_WIDTH: u32 = 100;

/// Whether the engine carries the atom out itself.
#[must_use]
pub fn is_native(atom: &str) -> bool {
    matches!(atom, WORKFLOW | INPUT | OUTPUT)
}

/// Whether a task puts the tables of a fan-out together.
#[must_use]
pub fn is_join(atom: &str, place: &str) -> bool {
    atom == UNION && place.ends_with(JOIN_PLACE)
}

/// Why the engine cannot carry a task out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// A stable word.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl Fault {
    /// Makes one.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The config of a `workflow` task.
#[derive(Debug, Clone, Deserialize)]
pub struct SubWorkflow {
    pub workflow: WorkflowId,
    /// The newest when absent.
    pub version: Option<u64>,
    /// Added to the run's context.
    #[serde(default)]
    context: Map<String, Value>,
    for_each: Option<ForEach>,
    width: Option<u32>,
}

#[derive(Debug, Clone, Deserialize)]
struct ForEach {
    items: Option<Vec<Value>>,
    expression: Option<String>,
    #[serde(default)]
    partitions: bool,
}

/// A run to be started by a `workflow` task.
#[derive(Debug, Clone, PartialEq)]
pub struct Child {
    /// Its place in the fan-out.
    pub item: Option<i32>,
    /// What is added to the parent's context, as a JSON object.
    pub context: String,
    /// What its `input` atoms hand on.
    pub inputs: Vec<File>,
}

impl SubWorkflow {
    /// Reads a config.
    ///
    /// # Errors
    /// `CONFIG_MALFORMED`.
    pub fn parse(config: &str) -> Result<Self, Fault> {
        serde_json::from_str(config).map_err(|error| Fault::new("CONFIG_MALFORMED", error.to_string()))
    }

    /// How many of its runs go at once.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width.unwrap_or(DEFAULT_WIDTH).clamp(1, MAX_WIDTH)
    }

    /// Whether it starts a run for each of many items.
    #[must_use]
    pub const fn is_fan_out(&self) -> bool {
        self.for_each.is_some()
    }

    /// The runs that it starts, in a run of this context; its inputs and the parts of the first of them are given.
    ///
    /// # Errors
    /// `EXPRESSION_FAILED`; `NO_PARTITIONS`; `FAN_OUT_TOO_LARGE`.
    pub fn children(&self, context: &str, inputs: Vec<File>, parts: &[Part]) -> Result<Vec<Child>, Fault> {
        let Some(each) = &self.for_each else {
            return Ok(vec![Child { item: None, context: Value::from(self.context.clone()).to_string(), inputs }]);
        };
        let items: Vec<(Value, Vec<File>)> = if each.partitions {
            if inputs.is_empty() {
                return Err(Fault::new("NO_PARTITIONS", "there is no partition task before this one"));
            }
            let rest = &inputs[1..];
            let with = |part: &Part| std::iter::once(&part.file).chain(rest).cloned().collect();
            parts.iter().map(|part| (part.value.clone(), with(part))).collect()
        } else {
            each.values(context)?.into_iter().map(|item| (item, inputs.clone())).collect()
        };
        if items.len() > MAX_ITEMS {
            let message = format!("{} items are more than {MAX_ITEMS}", items.len());
            return Err(Fault::new("FAN_OUT_TOO_LARGE", message));
        }
        Ok(items.into_iter().enumerate().map(|(index, (item, inputs))| self.child(index, item, inputs)).collect())
    }

    fn child(&self, index: usize, item: Value, inputs: Vec<File>) -> Child {
        let mut context = self.context.clone();
        context.insert("item".to_owned(), item);
        context.insert("index".to_owned(), Value::from(index));
        Child { item: i32::try_from(index).ok(), context: Value::from(context).to_string(), inputs }
    }
}

impl ForEach {
    fn values(&self, context: &str) -> Result<Vec<Value>, Fault> {
        if let Some(items) = &self.items {
            return Ok(items.clone());
        }
        let refused = |message: String| Fault::new("EXPRESSION_FAILED", format!("for_each.expression: {message}"));
        let context = serde_json::from_str(context).map_err(|error| refused(error.to_string()))?;
        let text = self.expression.as_deref().unwrap_or_default();
        Expression::parse_over(text, CONTEXT)
            .and_then(|expression| expression.list(&Variables::new().with("context", context)))
            .map_err(|fault| refused(fault.message))
    }
}

/// The file that an `input` task of this config hands on, of those that the parent's task was given.
///
/// # Errors
/// `NO_INPUT` when there is none of that name.
pub fn input<'a>(config: &str, given: &'a [File]) -> Result<&'a File, Fault> {
    let name = door_name(config, "input");
    let place = match name.strip_prefix("input") {
        Some("") => Some(0),
        Some(rest) => {
            rest.strip_prefix('_').and_then(|n| n.parse::<usize>().ok()).filter(|n| *n > 1).map(|place| place - 1)
        }
        None => None,
    };
    let missing = || Fault::new("NO_INPUT", format!("no task above this run hands it a table for {name:?}"));
    place.and_then(|place| given.get(place)).ok_or_else(missing)
}

/// The name under which an `output` task of this config hands back its table.
#[must_use]
pub fn output_name(config: &str) -> String {
    door_name(config, "data")
}

fn door_name(config: &str, default: &str) -> String {
    let config: Value = serde_json::from_str(config).unwrap_or_default();
    config["name"].as_str().filter(|name| !name.is_empty()).unwrap_or(default).to_owned()
}

/// A parent's context with what its task adds.
///
/// # Errors
/// When one of both is not an object.
pub fn merge(parent: &str, addition: &str) -> Result<String, serde_json::Error> {
    if addition == "{}" {
        return Ok(parent.to_owned());
    }
    let mut context: Map<String, Value> = serde_json::from_str(parent)?;
    context.extend(serde_json::from_str::<Map<String, Value>>(addition)?);
    serde_json::to_string(&context)
}

/// The parts of a table that a `partition` task wrote: its result says which output holds which value.
#[must_use]
pub fn parts(result: Option<&str>, files: &[File]) -> Vec<Part> {
    let result: Value = result.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let named = |name: &str| {
        files.iter().find(|file| file.source.as_ref().is_some_and(|source| source.name == name)).cloned()
    };
    let part = |entry: &Value| Some(Part { value: entry["value"].clone(), file: named(entry["output"].as_str()?)? });
    result["partitions"].as_array().map(|entries| entries.iter().filter_map(part).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> File {
        File {
            dataset_id: String::new(),
            storage_key: name.to_owned(),
            format: "parquet".to_owned(),
            content_hash: String::new(),
            source: None,
        }
    }

    fn sub(rest: &str) -> SubWorkflow {
        SubWorkflow::parse(&format!(r#"{{"workflow": "{}"{rest}}}"#, WorkflowId::new())).unwrap()
    }

    #[test]
    fn without_a_fan_out_there_is_one_child_with_every_input() {
        let inputs = vec![file("a"), file("b")];
        let children = sub(r#", "context": {"x": 1}"#).children("{}", inputs.clone(), &[]).unwrap();
        assert_eq!(children, [Child { item: None, context: r#"{"x":1}"#.to_owned(), inputs }]);
        assert_eq!(merge(r#"{"x": 0, "y": 2}"#, &children[0].context).unwrap(), r#"{"x":1,"y":2}"#);
    }

    #[test]
    fn a_fan_out_has_a_child_for_each_item_or_part() {
        let by_expression = sub(r#", "for_each": {"expression": "context.regions"}"#);
        let children = by_expression.children(r#"{"regions": ["n", "s"]}"#, vec![], &[]).unwrap();
        assert_eq!(children[1].context, r#"{"item":"s","index":1}"#);
        let fault = by_expression.children("{}", vec![], &[]).unwrap_err();
        assert_eq!(fault.code, "EXPRESSION_FAILED");

        let parts = [Part { value: Value::from(7), file: file("seven") }];
        let children = sub(r#", "for_each": {"partitions": true}"#).children("{}", vec![file("all"), file("b")], &parts);
        assert_eq!(children.unwrap()[0].inputs, [file("seven"), file("b")]);
    }

    #[test]
    fn doors_are_found_by_name() {
        let given = [file("a"), file("b")];
        assert_eq!(input("{}", &given).unwrap().storage_key, "a");
        assert_eq!(input(r#"{"name": "input_2"}"#, &given).unwrap().storage_key, "b");
        for name in ["input_1", "input_0", "input_3", "else", "input2"] {
            assert_eq!(input(&format!(r#"{{"name": "{name}"}}"#), &given).unwrap_err().code, "NO_INPUT");
        }
        assert_eq!(output_name("{}"), "data");
    }
}
