//! Background rooms, and what they share with the front.

pub mod announce;
pub mod bells;
pub mod claim;
mod conditions;
pub mod desk;
pub mod engine;
pub mod input;
pub mod keys;
pub mod launch;
pub mod meter;
mod native;
pub mod partitions;
pub mod registrar;
pub mod settle;
pub mod standing;
pub mod starter;
mod tree;
mod write;
