//! The front room: validate, transact, reply. The guard in front has checked the caller's permission.

pub(crate) mod append;
pub(crate) mod list;
pub(crate) mod verify;
