//! What tests of services need: databases, Redis, buckets, tokens, and waiting without sleeping.
//!
//! Everything here panics on failure, with the reason: a test has no use for an error value.

mod cluster;
mod database;
mod redis;
#[cfg(feature = "s3")]
mod s3;
mod tokens;
mod wait;

pub use database::TestDb;
pub use redis::{OwnRedis, TestRedis};
#[cfg(feature = "s3")]
pub use s3::TestS3;
pub use tokens::TestTokens;
pub use wait::{eventually, free_port};
