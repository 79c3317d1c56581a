//! What tests of services need: databases, Redis, tokens, and waiting without sleeping.
//!
//! Everything here panics on failure, with the reason: a test has no use for an error value.

mod cluster;
mod database;
mod redis;
mod tokens;
mod wait;

pub use database::TestDb;
pub use redis::{OwnRedis, TestRedis};
pub use tokens::TestTokens;
pub use wait::{eventually, free_port};
