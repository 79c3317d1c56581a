//! The cellar: rows and SQL, nothing else.

pub(crate) mod alert;
pub(crate) mod budget;
pub(crate) mod domain;
pub(crate) mod flag;
pub(crate) mod plan;
pub(crate) mod standing;
pub(crate) mod subscription;
pub(crate) mod tenant;
pub(crate) mod usage;
