//! Background rooms.

pub mod partitions;
