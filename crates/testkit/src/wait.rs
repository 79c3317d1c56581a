//! Waiting for a state with a deadline, instead of sleeping and hoping.

use std::net::TcpListener;
use std::time::{Duration, Instant};

/// How often a probe is asked.
const POLL: Duration = Duration::from_millis(20);

/// Asks `probe` until it gives a value.
///
/// # Panics
/// When `limit` passes first, naming `what` was waited for.
pub async fn eventually<T, F>(limit: Duration, what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// A port of 127.0.0.1 that nobody uses now.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
