//! The identity service: people, programs and staff, what they may do, their sessions, and the keys that sign their tokens.
//!
//! Reading order: `domain` (e-mail, password, roles, refresh tokens), `store` (the SQL: lock-out and rotation are there),
//! `store::access` (all that one caller may do, in one statement), `keyring` and `jobs::keys` (signing keys and their
//! rotation), `vault` (tenants' data keys), `mailroom` (the way of mails out), `handlers` (one function an RPC), `grpc` and `convert` (the contract), `command`
//! (the first member of staff), `wiring` (what is built at start).

mod command;
mod config;
mod convert;
mod domain;
mod error;
mod events;
mod grpc;
mod handlers;
mod jobs;
mod keyring;
mod mailroom;
mod store;
mod vault;
mod wiring;

pub use command::{create_staff, main};
pub use config::Config;
pub use wiring::build;

/// The schema's history.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
