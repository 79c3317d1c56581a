//! The built-in atoms on the columnar engine, and the child processes that they run in.
//!
//! In reading order: [`task`] is what comes in and goes out, [`fault`] what goes wrong, [`engine`] the engine's
//! settings, [`job`] one execution with its inputs, [`output`] how tables are written, [`atoms`] the operations,
//! [`runner`] the child process and [`pool`] its parent. What the atoms are called and how their configs look is in
//! `crates/catalog`. Nothing here knows of gRPC, runs or tenants.

pub mod atoms;
mod clock;
mod csv;
mod death;
pub mod engine;
pub mod fault;
mod frame;
mod input;
mod job;
mod lineage;
mod output;
pub mod pool;
mod profile;
pub mod runner;
mod sql;
pub mod task;
mod types;

pub use atoms::{execute, inline, is_inline, known_slug};
pub use engine::{Engine, EngineSettings};
pub use fault::Fault;
pub use pool::{Pool, PoolSettings};
pub use task::{
    ColumnInfo, ColumnLineage, ColumnSource, Format, InputTable, LogLine, LogSink, Outcome, OutputTable, Task,
};
