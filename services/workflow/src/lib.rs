//! Workflows: canvases, their immutable versions, and the plans compiled from them.
//!
//! Reading order: [`domain`] (what a canvas is and what can be wrong with it), [`store`] (rows), `handlers` (what each
//! RPC does), `catalog` and `registry` (what registry is asked), `jobs` (what follows a save), `wiring`.

mod app;
mod catalog;
mod config;
mod convert;
pub mod domain;
mod error;
mod events;
mod grpc;
mod handlers;
mod jobs;
mod registry;
pub mod store;
mod wiring;

pub use config::Config;
pub use wiring::build;

/// The schema of this service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
