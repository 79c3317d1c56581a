//! Orchestration: durable runs of workflows.
//!
//! A run comes in through `handlers::run`, is compiled into rows, and lies in the queue. The engine (`jobs::engine`) leases
//! its tasks to workers connected through `handlers::worker`, records their results, and lets the pure core
//! (`domain::engine`) say what follows.

mod config;
mod convert;
mod domain;
mod events;
mod grpc;
mod handlers;
mod jobs;
mod store;
mod vault;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema's migrations.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
