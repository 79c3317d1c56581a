//! Values between JSON and the interpreter.

use std::collections::{BTreeMap, HashMap};

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use cel::objects::Value;
use serde_json::Value as Json;

use crate::Fault;

/// What an expression may ask, by name.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, Json>,
}

impl Variables {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a variable, or replaces it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Json) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.values.get(name)
    }
}

/// Whole numbers become integers where they fit, so that they can be counted with; texts are borrowed.
pub fn from_json(json: &Json) -> Box<dyn Val + '_> {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(answer) => Box::new(CelBool::from(*answer)),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Box::new(CelInt::from(number)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Box::new(CelString::from(text.as_str())),
        Json::Array(items) => Box::new(CelList::from(items.iter().map(from_json).collect::<Vec<_>>())),
        Json::Object(fields) => {
            let entry = |(name, value)| (CelMapKey::from(String::as_str(name)), from_json(value));
            Box::new(CelMap::from(fields.iter().map(entry).collect::<HashMap<_, _>>()))
        }
    }
}

/// JSON of a value; the fields of objects in the order of their names, so that the same value gives the same text.
pub fn to_json(value: &Value) -> Result<Json, Fault> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(answer) => (*answer).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => {
            serde_json::Number::from_f64(*number).map(Json::Number).ok_or_else(|| Fault::new("is no finite number"))?
        }
        Value::String(text) => text.as_str().into(),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let fields = map.map.iter().map(|(key, value)| Ok((key.to_string(), to_json(value)?)));
            let sorted: BTreeMap<String, Json> = fields.collect::<Result<_, Fault>>()?;
            Json::Object(sorted.into_iter().collect())
        }
        other => return Err(Fault::new(format!("has a {}, which JSON does not know", other.type_of()))),
    })
}
