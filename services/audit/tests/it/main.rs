//! Audit against a real Postgres and through real gRPC.

mod append;
mod list;
mod partitions;
mod platform;
mod stand;
mod tampering;
