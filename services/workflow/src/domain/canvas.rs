//! From the text of a canvas to molecules, atoms and connections, naming whatever is malformed.
//!
//! Parsing goes on behind a fault, so that one look finds them all. Fields that nobody here knows are passed over.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::document::{self, Object};
use super::fault::{Fault, FaultCode};

/// How large a canvas may be.
pub const MAX_BYTES: usize = 1 << 20;
/// How many atoms a canvas may have.
pub const MAX_ATOMS: usize = 1_000;
/// How many molecules, and how many connections, a canvas may have.
const MAX_PARTS: usize = 4_000;
/// How long an id may be, in characters.
const MAX_ID: usize = 100;
/// How long the expression of a conditional connection may be, in bytes.
const MAX_WHEN: usize = 2_000;
const MAX_ATTEMPTS: u32 = 20;
/// A week.
const MAX_TIMEOUT_MS: u64 = 7 * 24 * 3_600_000;
const PRIORITIES: std::ops::RangeInclusive<i32> = -1_000..=1_000;

/// A graph of molecules.
#[derive(Debug, Default)]
pub struct Canvas {
    pub molecules: Vec<Molecule>,
    pub connections: Vec<Connection>,
}

/// Atoms in order, each feeding the next.
#[derive(Debug)]
pub struct Molecule {
    /// Where it stands in the document, such as `molecules[0]`.
    pub place: String,
    pub id: String,
    pub atoms: Vec<Atom>,
}

/// One use of an atom of the catalogue.
#[derive(Debug)]
pub struct Atom {
    /// Where it stands in the document, such as `molecules[0].atoms[1]`.
    pub place: String,
    pub id: String,
    /// Its name in the catalogue.
    pub slug: String,
    /// The newest when absent.
    pub version: Option<String>,
    pub config: Box<RawValue>,
    /// 0 for the default.
    pub max_attempts: u32,
    /// 0 for the default.
    pub timeout_ms: u64,
    pub priority: i32,
}

/// What a connection carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeType {
    /// The output; followed on success.
    #[default]
    DataFlow,
    /// The output, when an expression holds.
    Conditional,
    /// Nothing; followed on failure.
    Error,
}

/// Joins molecules ("prep") or single atoms ("prep.clean").
#[derive(Debug)]
pub struct Connection {
    /// Where it stands in the document, such as `connections[2]`.
    pub place: String,
    pub from: String,
    pub to: String,
    pub edge: EdgeType,
    /// The expression of a conditional connection; otherwise empty.
    pub when: String,
}

/// Reads a canvas and everything that is malformed in it.
#[must_use]
pub fn parse(text: &str) -> (Canvas, Vec<Fault>) {
    let mut reader = Reader { faults: Vec::new() };
    let canvas = match document::check(text, MAX_BYTES) {
        Ok(()) => reader.canvas(text),
        Err(message) => {
            reader.malformed("", message);
            Canvas::default()
        }
    };
    (canvas, reader.faults)
}

struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    fn canvas(&mut self, text: &str) -> Canvas {
        let root: Option<&RawValue> = serde_json::from_str(text).ok();
        let Some(object) = root.and_then(|root| self.object("", root)) else { return Canvas::default() };
        if object.get("molecules").is_none() {
            self.malformed("molecules", "is required");
        }
        let molecules: Vec<Molecule> = self
            .items("", &object, "molecules")
            .into_iter()
            .filter_map(|(place, raw)| self.molecule(place, raw))
            .collect();
        if molecules.iter().map(|molecule| molecule.atoms.len()).sum::<usize>() > MAX_ATOMS {
            self.malformed("molecules", format!("hold more than {MAX_ATOMS} atoms"));
            return Canvas::default();
        }
        let connections = self.items("", &object, "connections");
        let connections = connections.into_iter().filter_map(|(place, raw)| self.connection(place, raw)).collect();
        Canvas { molecules, connections }
    }

    fn molecule(&mut self, place: String, raw: &RawValue) -> Option<Molecule> {
        let object = self.object(&place, raw)?;
        let id = self.id(&place, &object);
        if object.get("selectedAtoms").is_some() {
            self.malformed(
                join(&place, "selectedAtoms"),
                "must be an object of slugs with true or false, and cannot stand beside atoms",
            );
        }
        let atoms = self.items(&place, &object, "atoms");
        let atoms = atoms.into_iter().filter_map(|(place, raw)| self.atom(place, raw)).collect();
        Some(Molecule { place, id, atoms })
    }

    fn atom(&mut self, place: String, raw: &RawValue) -> Option<Atom> {
        let object = self.object(&place, raw)?;
        let max_attempts: u32 = self.field(&place, &object, "max_attempts", "a whole number").unwrap_or_default();
        let timeout_ms: u64 = self.field(&place, &object, "timeout_ms", "a whole number").unwrap_or_default();
        let priority: i32 = self.field(&place, &object, "priority", "a whole number").unwrap_or_default();
        if max_attempts > MAX_ATTEMPTS {
            self.malformed(join(&place, "max_attempts"), format!("is more than {MAX_ATTEMPTS}"));
        }
        if timeout_ms > MAX_TIMEOUT_MS {
            self.malformed(join(&place, "timeout_ms"), format!("is more than {MAX_TIMEOUT_MS}"));
        }
        if !PRIORITIES.contains(&priority) {
            self.malformed(
                join(&place, "priority"),
                format!("is not between {} and {}", PRIORITIES.start(), PRIORITIES.end()),
            );
        }
        Some(Atom {
            id: self.id(&place, &object),
            slug: self.required(&place, &object, "atom").unwrap_or_default(),
            version: self.field(&place, &object, "version", "a text"),
            config: object.get("config").map_or_else(no_config, ToOwned::to_owned),
            max_attempts,
            timeout_ms,
            priority,
            place,
        })
    }

    fn connection(&mut self, place: String, raw: &RawValue) -> Option<Connection> {
        let object = self.object(&place, raw)?;
        let (from, to) = (self.required(&place, &object, "from"), self.required(&place, &object, "to"));
        let edge = match object.get("type").map(|raw| serde_json::from_str(raw.get())) {
            None => EdgeType::DataFlow,
            Some(Ok(edge)) => edge,
            Some(Err(_)) => {
                let message = "must be data_flow, conditional or error";
                self.faults.push(Fault::new(join(&place, "type"), FaultCode::BadEdge, message));
                EdgeType::DataFlow
            }
        };
        let mut when = String::new();
        if edge == EdgeType::Conditional {
            when = self.field(&place, &object, "when", "a text").unwrap_or_default();
            if when.trim().is_empty() && object.get("when").is_none_or(|raw| raw.get().starts_with('"')) {
                let message = "is required on a conditional connection";
                self.faults.push(Fault::new(join(&place, "when"), FaultCode::MissingWhen, message));
            }
            if when.len() > MAX_WHEN {
                self.malformed(join(&place, "when"), format!("is longer than {MAX_WHEN} bytes"));
            }
        }
        // Why: a connection without its ends cannot be followed; its fault is named above.
        Some(Connection { from: from?, to: to?, place, edge, when })
    }

    /// The id of a molecule or atom; empty when it is malformed, which no connection can name.
    fn id(&mut self, place: &str, object: &Object<'_>) -> String {
        let Some(id) = self.required(place, object, "id") else { return String::new() };
        let message = if id.trim() != id || id.is_empty() {
            "is empty, or has white space around it"
        } else if id.chars().count() > MAX_ID {
            "is longer than 100 characters"
        } else if id.contains(|c: char| matches!(c, '.' | '/' | '\\') || c.is_control()) {
            "holds a dot, a slash or a control character"
        } else {
            return id;
        };
        self.malformed(join(place, "id"), message);
        String::new()
    }

    fn object<'a>(&mut self, place: &str, raw: &'a RawValue) -> Option<Object<'a>> {
        let Some(object) = Object::read(raw) else {
            self.malformed(place, "must be an object");
            return None;
        };
        if let Some(key) = object.repeated_key() {
            self.malformed(join(place, key), "appears twice");
        }
        Some(object)
    }

    /// The elements of an array with their places; none when it is absent.
    fn items<'a>(&mut self, place: &str, object: &Object<'a>, key: &str) -> Vec<(String, &'a RawValue)> {
        let Some(raw) = object.get(key) else { return Vec::new() };
        let place = join(place, key);
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            self.malformed(place, "must be an array");
            return Vec::new();
        };
        if items.len() > MAX_PARTS {
            self.malformed(place, format!("has more than {MAX_PARTS} entries"));
            return Vec::new();
        }
        items.into_iter().enumerate().map(|(index, raw)| (format!("{place}[{index}]"), raw)).collect()
    }

    fn required(&mut self, place: &str, object: &Object<'_>, key: &str) -> Option<String> {
        if object.get(key).is_none() {
            self.malformed(join(place, key), "is required");
        }
        self.field(place, object, key, "a text")
    }

    fn field<T: DeserializeOwned>(&mut self, place: &str, object: &Object<'_>, key: &str, kind: &str) -> Option<T> {
        let value = serde_json::from_str(object.get(key)?.get());
        if value.is_err() {
            self.malformed(join(place, key), format!("must be {kind}"));
        }
        value.ok()
    }

    fn malformed(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault::new(place, FaultCode::Malformed, message));
    }
}

fn no_config() -> Box<RawValue> {
    // Invariant: an empty object is JSON.
    RawValue::from_string("{}".to_owned()).expect("an empty object is JSON")
}

fn join(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

#[cfg(test)]
mod tests;
