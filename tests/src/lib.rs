//! A whole installation for one test: every service a process of its own, on a real Postgres and Redis.
//!
//! Everything here panics on failure, with the reason.

mod api;
mod installation;
mod process;
mod proxy;

pub use api::{Answer, Api};
pub use installation::{Installation, Options, PASSWORD, add_first_staff, migrators};
pub use proxy::Proxy;
