//! Front room: validate, transact, announce, reply.

pub mod control;
pub mod dead_letter;
pub mod rerun;
pub mod run;
pub mod start;
pub mod task;
pub mod worker;
