//! Rows and SQL, nothing else.

pub mod atom;
pub mod canvas;
pub mod execution;
pub mod job;
pub mod place;
pub mod placement;
pub mod version;
pub mod workflow;
