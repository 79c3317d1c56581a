//! The tenant service: companies, their domains, and whether they may be used.
//!
//! Reading order: `domain` (names, slugs, host names), `store` (the SQL), `handlers` (one function an RPC), `grpc` and
//! `convert` (the contract), `wiring` (what is built at start).

mod config;
mod convert;
mod domain;
mod error;
mod events;
mod grpc;
mod handlers;
mod store;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema's history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
