//! Background rooms.

pub(crate) mod meter;
pub(crate) mod seed;
