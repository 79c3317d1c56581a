//! Cellar: row structs and SQL, nothing else.

pub mod chain;
pub mod event;
