//! The worker against an orchestration that speaks the real contract and does just what a test tells it.

mod connection;
mod data;
mod fake;
mod process;
