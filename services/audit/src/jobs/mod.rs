//! Background rooms.

pub(crate) mod checkpoints;
pub(crate) mod partitions;
