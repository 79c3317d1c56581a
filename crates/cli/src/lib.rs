//! A client of Trinity's HTTP interface, and the steps that both the command line and the worked example take.
//!
//! Reading order: `client` (requests and errors), `lookup` (names to ids), `upload` (files), `workflow` (applying a
//! workflow file), `run` (starting and following).

mod client;
pub mod lookup;
pub mod run;
pub mod upload;
pub mod workflow;

pub use client::{Client, Error, Login, Page, Refusal, Result, Tokens};
