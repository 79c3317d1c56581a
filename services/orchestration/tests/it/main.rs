//! The orchestration service on a real Postgres, behind its real gRPC door, with a worker that the tests play.

mod bench;
mod peers;
mod runs;
mod sharing;
mod silence;
