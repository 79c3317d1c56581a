//! Audit: who did what, in a chain per tenant that nobody can change unseen.
//!
//! Reading order: `config`, `wiring` (what is made at start), `grpc` (one line per RPC), `handlers`, `domain` (records, their
//! canonical form, the rules of a chain), `keys` (signatures), `checkpoints`, `store` (SQL), `jobs`.

mod app;
mod checkpoints;
mod config;
mod convert;
mod domain;
mod grpc;
mod handlers;
mod jobs;
mod keys;
mod store;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema of this service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
