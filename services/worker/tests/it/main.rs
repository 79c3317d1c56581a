//! The worker against an orchestration that speaks the real contract and does just what a test tells it.

mod bucket;
mod connection;
mod data;
mod fake;
mod process;
mod secrets;
