//! Rows and SQL, nothing else.

pub mod atom;
pub mod canvas;
pub mod execution;
pub mod place;
pub mod version;
pub mod workflow;
