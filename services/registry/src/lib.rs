//! Registry: apps, projects, the catalogue of atoms, and datasets with their files.
//!
//! Reading order: `config`, `wiring` (what is made at start), `grpc` (one line per RPC), `handlers`, `domain` (nouns and
//! rules), `tables` (files read as tables), `store` (SQL), `events`, `jobs`.

mod app;
mod config;
mod convert;
mod domain;
mod error;
mod events;
mod grpc;
mod handlers;
mod jobs;
mod store;
mod tables;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema of this service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
