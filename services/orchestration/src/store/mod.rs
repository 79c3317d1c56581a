//! Cellar: row structs and SQL, nothing else.

pub mod claim;
pub mod live;
pub mod log;
pub mod queue;
pub mod run;
pub mod share;
pub mod status;
pub mod task;
pub mod usage;
pub mod worker;
