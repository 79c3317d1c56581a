//! All of Trinity in one process: every service, the worker and the gateway, over the same clients and contracts.
//!
//! Reading order: `command` (the arguments), `serve` (everything at once), `migrate` and `roles` (the steps before it), `dev` (a laptop's
//! installation from nothing to a finished run). No service's logic lives here.

pub mod command;
pub mod dev;
pub mod migrate;
pub mod roles;
mod serve;

pub use serve::{Variables, serve};
