//! JSON ↔ protobuf wire bytes, straight from one text to the other.
//!
//! A [`Schema`] is compiled once at start from the descriptors. [`Reader`] turns a JSON body and parameters into wire
//! bytes, [`Writer`] turns wire bytes into JSON; neither builds a tree. HTTP and gRPC stay out.

pub mod fault;
pub mod read;
mod scalar;
pub mod schema;
mod seed;
pub mod wire;
pub mod words;
pub mod write;

pub use fault::{Fault, Reason};
pub use read::Reader;
pub use schema::{Field, Kind, Label, Message, MessageId, Schema};
pub use write::{BadWire, Writer};

/// How deep a JSON document may nest.
pub const MAX_DEPTH: usize = 128;

/// A parameter, or a key of a body, that is passed over where the contract has no such field: the tenant is the token's,
/// whatever a request says.
pub const PASSED_OVER: &str = "tenant_id";
