//! From the text of a canvas to molecules, atoms and connections, naming whatever is malformed.
//!
//! Parsing goes on behind a fault, so that one look finds them all. Fields that nobody here knows are passed over.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trinity_expression::Expression;

use self::reader::{Reader, join};
pub use self::settings::{Concurrency, Settings};
use super::document;
use super::fault::{Fault, FaultCode};

mod atom;
mod reader;
mod settings;

/// How large a canvas may be.
pub const MAX_BYTES: usize = 1 << 20;
/// How many atoms a canvas may have.
pub const MAX_ATOMS: usize = 1_000;
/// How many conditional connections a canvas may have: each is an expression to be parsed.
const MAX_CONDITIONS: usize = 500;

/// A graph of molecules.
#[derive(Debug, Default)]
pub struct Canvas {
    pub molecules: Vec<Molecule>,
    pub connections: Vec<Connection>,
    pub settings: Settings,
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
    /// Whether it runs when one edge was followed, and not only when all were.
    pub any_input: bool,
    /// 0 for the default.
    pub backoff_ms: u64,
    /// 0 for the default.
    pub max_backoff_ms: u64,
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
        let canvas = Canvas { molecules, connections, settings: self.settings(&object) };
        self.conditions(&canvas);
        canvas
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
        }
        // Why: a connection without its ends cannot be followed; its fault is named above.
        Some(Connection { from: from?, to: to?, place, edge, when })
    }

    /// Parses the expressions of conditional connections.
    fn conditions(&mut self, canvas: &Canvas) {
        let conditions = canvas.connections.iter().filter(|connection| !connection.when.trim().is_empty());
        let conditions: Vec<&Connection> = conditions.collect();
        if conditions.len() > MAX_CONDITIONS {
            self.malformed("connections", format!("have more than {MAX_CONDITIONS} conditions"));
            return;
        }
        for connection in conditions {
            if let Err(fault) = Expression::parse(&connection.when) {
                self.faults.push(Fault::new(join(&connection.place, "when"), FaultCode::BadExpression, fault.message));
            }
        }
    }
}

#[cfg(test)]
mod tests;
