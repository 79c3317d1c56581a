//! Front room: validate, transact, announce, reply.

pub mod calendar;
pub mod control;
pub mod dead_letter;
pub mod hook;
pub mod incoming;
pub mod lineage;
pub mod notification;
pub mod rerun;
pub mod run;
pub mod schedule;
pub mod start;
mod target;
pub mod task;
mod waiting;
pub mod webhook_target;
pub mod worker;
