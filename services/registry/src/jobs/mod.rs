//! Background rooms.

pub(crate) mod seed;
