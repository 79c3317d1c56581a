//! Audit: the record of who did what, which nobody can change unseen.
//!
//! Events come in through `handlers::append` and are linked into their tenant's chain (`domain::chain`); people list
//! them and have the chain verified. There is no way to change or remove one.

mod config;
mod convert;
mod domain;
mod grpc;
mod handlers;
mod jobs;
mod store;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema's migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
