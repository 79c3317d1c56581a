//! The built-in atoms on the columnar engine, and the child processes that they run in.
//!
//! In reading order: [`task`] is what comes in and goes out, [`fault`] what goes wrong, [`engine`] the engine's
//! settings, [`job`] one execution with its inputs, [`input`] how files become tables (each format in a room of its own),
//! [`output`] and [`encoder`] how tables become Parquet and [`write`] other files, [`atoms`] the operations, [`runner`] the child process
//! and [`pool`] its parent. What the atoms are called and how their configs look is in
//! `crates/catalog`. Nothing here knows of gRPC, runs or tenants.

pub mod atoms;
mod cells;
mod clock;
mod csv;
mod death;
mod encoder;
pub mod engine;
mod excel;
pub mod fault;
mod frame;
mod input;
mod ipc;
mod job;
mod json;
mod lineage;
mod local;
mod memory;
mod output;
mod parts;
pub mod pool;
mod postgres;
mod profile;
mod remote;
pub mod runner;
mod source;
mod sql;
pub mod task;
mod types;
mod write;

pub use atoms::{execute, inline, is_inline, known_slug};
pub use engine::{Engine, EngineSettings};
pub use fault::Fault;
pub use pool::{Pool, PoolSettings};
pub use task::{
    ColumnInfo, ColumnLineage, ColumnSource, Format, InputTable, LogLine, LogSink, Outcome, OutputTable, Task,
};
