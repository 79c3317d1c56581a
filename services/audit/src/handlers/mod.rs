//! Front room: validate, transact, reply.

pub mod append;
pub mod list;
pub mod verify;
