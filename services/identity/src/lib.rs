//! The identity service: people, the roles that they hold, their sessions, and the keys that sign their tokens.
//!
//! Reading order: `domain` (e-mail, password, roles, refresh tokens), `store` (the SQL: lock-out and rotation are there),
//! `keyring` and `jobs::keys` (signing keys and their rotation), `handlers` (one function an RPC), `grpc` and `convert`
//! (the contract), `wiring` (what is built at start).

mod config;
mod convert;
mod domain;
mod error;
mod events;
mod grpc;
mod handlers;
mod jobs;
mod keyring;
mod store;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema's history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
