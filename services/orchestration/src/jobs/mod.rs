//! Background rooms: the engine with its doors, and the sweeps.

pub mod announce;
pub mod claim;
pub mod engine;
pub mod input;
pub mod meter;
pub mod partitions;
pub mod registrar;
pub mod settle;
pub mod standing;
