//! The tenant service: companies, their domains, what they have paid for, and what they use.
//!
//! Reading order: `domain` (nouns and rules), `store` (the SQL), `handlers` (one function an RPC), `grpc` and `convert`
//! (the contract), `jobs` (what time brings about), `wiring` (what is built at start).

mod config;
mod convert;
mod domain;
mod error;
mod events;
mod grpc;
mod handlers;
mod jobs;
mod store;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema's history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
