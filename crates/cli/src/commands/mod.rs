//! One file per noun that a person works with.

pub mod access;
pub mod api;
pub mod audit;
pub mod datasets;
pub mod folders;
pub mod login;
pub mod mail;
pub mod projects;
pub mod run;
pub mod workflows;

/// How a command that got through to the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The server did what was asked, and the answer is bad news.
    Failed,
}
