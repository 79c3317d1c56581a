//! A private Postgres and Redis for people and tests, and the provisioning of service schemas and roles.
//!
//! Reading order: `account` (who runs the servers), `binaries` (which programs), `place` (where their data lies),
//! `process` (is it running), `postgres` and `redis` (one server each), `stack` (the pair of `make up`),
//! `throwaway` (a server for one process), `provision` (database, schemas, roles).

mod account;
mod binaries;
mod place;
mod postgres;
mod process;
pub mod provision;
mod redis;
pub mod stack;
pub mod throwaway;

pub use provision::{ServiceUrls, provision};
pub use stack::Stack;
pub use throwaway::Throwaway;

/// The services that own a schema in the database, in the order in which they are provisioned.
pub const SERVICES: [&str; 6] = ["tenant", "identity", "registry", "workflow", "orchestration", "audit"];
