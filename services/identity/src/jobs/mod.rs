//! Background rooms.

pub(crate) mod keys;
pub(crate) mod sessions;
