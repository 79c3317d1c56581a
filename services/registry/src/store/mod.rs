//! The tables of this service: rows and SQL, nothing else.

pub(crate) mod app;
pub(crate) mod atom;
pub(crate) mod dataset;
pub(crate) mod folder;
pub(crate) mod output;
pub(crate) mod place;
pub(crate) mod project;
pub(crate) mod usage;
