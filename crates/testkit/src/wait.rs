//! Waiting for a state with a deadline, instead of sleeping and hoping.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How often a probe is asked.
const POLL: Duration = Duration::from_millis(20);
/// Ports that the kernel gives to no connection by itself, and how many of them a process looks at before those of others.
/// Source: `ip_local_port_range`, which begins at 32768, in <https://docs.kernel.org/networking/ip-sysctl.html>.
const PORTS: Range<u32> = 10_000..32_768;
const PORTS_OF_A_PROCESS: u32 = 32;

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

/// A port of 127.0.0.1 that nobody uses now, another one each time.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = PORTS.end - PORTS.start;
    // Why by process: tests run side by side, each in its own.
    let first = std::process::id().wrapping_mul(PORTS_OF_A_PROCESS);
    (0..count)
        .map(|_| PORTS.start + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % count)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
