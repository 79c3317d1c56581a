//! Nouns and rules of the engine; pure: no async, no SQL, no gRPC.

pub mod address;
pub mod backoff;
pub mod calendar;
pub mod catch_up;
pub mod delivery;
pub mod engine;
pub mod file;
pub mod native;
pub mod notify;
pub mod order;
pub mod overlap;
pub mod rerun;
pub mod result;
mod state;
pub mod timetable;
