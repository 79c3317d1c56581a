//! Background rooms.

pub(crate) mod sweep;
