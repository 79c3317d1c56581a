//! The tables of this service: rows and SQL, nothing else.

pub(crate) mod chain;
pub(crate) mod checkpoint;
pub(crate) mod event;
