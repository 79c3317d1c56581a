//! What every service does alike: reach its peers, guard its RPCs by their policies, serve, and stop.
//!
//! Reading order: [`Channel`] and [`Peers`] (calls out), `guard` (calls in), [`Runtime`] (what a process has once),
//! `server` (listening, health, drain), `launch` (the thin `main` of a service).

mod channel;
mod directory;
mod guard;
mod launch;
mod peers;
mod runtime;
mod server;
mod told_calls;

pub use channel::Channel;
pub use guard::{open, renew};
pub use launch::{Settings, launch, stop_on_signal};
pub use peers::Peers;
pub use runtime::{EVENTS, Runtime};
pub use server::{Building, Service, serve};
pub use tokio_util::sync::CancellationToken;
