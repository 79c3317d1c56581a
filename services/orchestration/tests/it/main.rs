//! The orchestration service on a real Postgres, behind its real gRPC door, with a worker that the tests play.

mod access;
mod bench;
mod conditions;
mod dead_letters;
mod keys;
mod labels;
mod limits;
mod peers;
mod runs;
mod sharing;
mod silence;
mod starts;
mod trees;
mod usage;
