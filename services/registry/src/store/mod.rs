//! The tables of this service: rows and SQL, nothing else.

pub(crate) mod atom;
pub(crate) mod dataset;
pub(crate) mod output;
pub(crate) mod project;
