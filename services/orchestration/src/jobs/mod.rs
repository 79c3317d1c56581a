//! Background rooms, and what they share with the front.

pub mod announce;
mod batch;
pub mod bells;
pub mod claim;
mod conditions;
pub mod deliveries;
pub mod desk;
pub mod engine;
pub mod input;
pub mod keys;
pub mod launch;
mod lineage;
pub mod memory;
pub mod meter;
mod native;
pub mod notices;
pub mod openlineage;
pub mod partitions;
pub mod plans;
pub mod registrar;
pub mod retention;
pub mod schedules;
pub mod settle;
pub mod standing;
pub mod starter;
mod tree;
mod write;
