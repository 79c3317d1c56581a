//! Cellar: row structs and SQL, nothing else.

pub mod change;
pub mod claim;
pub mod copy;
pub mod dead_letter;
pub mod key;
pub mod live;
pub mod log;
pub mod queue;
pub mod run;
pub mod secret;
pub mod share;
pub mod start;
pub mod status;
pub mod task;
pub mod tree;
pub mod usage;
pub mod worker;
