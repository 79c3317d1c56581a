//! How a process's writers of an outbox wake its relay.
//!
//! Why not NOTIFY: Postgres lets only one transaction with a notification commit at a time, each waiting for the disk alone.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::Notify;

/// One for each outbox that this process writes or carries: few, and the same for as long as it lives.
static HINTS: LazyLock<Mutex<HashMap<String, Arc<Notify>>>> = LazyLock::new(Mutex::default);

/// Rung when a row was written to the outbox at a place; it is not committed yet.
pub(crate) fn at(place: &str) -> Arc<Notify> {
    let mut hints = HINTS.lock().unwrap_or_else(PoisonError::into_inner);
    match hints.get(place) {
        Some(hint) => Arc::clone(hint),
        None => Arc::clone(hints.entry(place.to_owned()).or_default()),
    }
}
