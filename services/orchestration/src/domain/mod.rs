//! Nouns and rules of the engine; pure: no async, no SQL, no gRPC.

pub mod backoff;
pub mod engine;
pub mod file;
pub mod native;
pub mod order;
pub mod rerun;
pub mod result;
