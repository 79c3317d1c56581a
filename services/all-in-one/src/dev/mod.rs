//! Trinity on a laptop: one folder holds the private servers, the settings, the log and the login.

mod bootstrap;
mod example;
mod folder;
mod instance;
mod settings;
mod up;

pub use up::{down, remove, up};
