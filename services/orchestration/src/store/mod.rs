//! Cellar: row structs and SQL, nothing else.

pub mod claim;
pub mod live;
pub mod log;
pub mod queue;
pub mod run;
pub mod status;
pub mod task;
pub mod worker;
