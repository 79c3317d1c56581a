//! The cellar: rows and SQL, nothing else.

pub(crate) mod domain;
pub(crate) mod tenant;
