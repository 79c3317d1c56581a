//! What atoms there are and what their configs look like, without the engine that runs them.
//!
//! Each atom is one JSON file in `specs/`. Registry seeds its tables from here and the workflow service checks configs
//! with [`ConfigSchema`]; the implementations are in `crates/atoms`, and a test there keeps both one to one.

mod config;
mod fault;
mod spec;

pub use config::{BadSchema, ConfigFault, ConfigSchema, dataset_ids, validate_config};
pub use spec::{AtomSpec, CATEGORIES, Port, PortColumn, TYPES, all, find, find_latest};
