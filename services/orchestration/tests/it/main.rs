//! The orchestration service on a real Postgres, behind its real gRPC door, with a worker that the tests play.

mod access;
mod bench;
mod conditions;
mod dead_letters;
mod hooks;
mod kept;
mod keys;
mod labels;
mod limits;
mod lineage;
mod notifications;
mod peers;
mod receiver;
mod retention;
mod runs;
mod schedules;
mod sharing;
mod silence;
mod starts;
mod trees;
mod usage;
mod wait;
