//! How many requests a tenant, or a stranger's address, may make in a minute.
//!
//! Inexactness, on purpose: in any minute, over all instances, a tenant gets at most its limit, plus the burst (the
//! setting `rate_burst_seconds`), plus a second's worth ([`tenants`] keeps what it took from Redis so long). Permits that
//! are taken and not used within that second are lost to the tenant: at most a twentieth of its limit at a time.

mod addresses;
mod gcra;
mod tenants;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::envelope::Refusal;

pub use addresses::AddressLimit;
pub use tenants::TenantLimit;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
/// How often what is not needed any more is thrown away.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What is left of a quota after a request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: u32,
    /// How many more would be let through now.
    pub remaining: u64,
}

/// A request too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Requests a minute.
    pub limit: u32,
    /// Until one more is let through.
    pub wait: Duration,
}

/// Both limits of an edge.
pub struct Limits {
    /// Of those who have signed in.
    pub tenants: TenantLimit,
    /// Of everybody else.
    pub addresses: AddressLimit,
}

impl Limits {
    /// Throws away what is not needed any more, again and again.
    pub async fn keep_small(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_INTERVAL).await;
            self.tenants.sweep();
            self.addresses.sweep();
        }
    }
}

impl Allowance {
    /// Tells the client what is left.
    pub fn describe(self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining.into());
    }
}

impl From<Exceeded> for Refusal {
    fn from(exceeded: Exceeded) -> Self {
        let seconds = exceeded.wait.as_millis().div_ceil(1_000).max(1);
        let details = serde_json::Map::from_iter([
            ("limit_per_minute".to_owned(), exceeded.limit.into()),
            ("retry_after_seconds".to_owned(), u64::try_from(seconds).unwrap_or(u64::MAX).into()),
        ]);
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "too many requests, try again later")
            .with_details(details)
            .with_header(RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)))
            .with_header(LIMIT, exceeded.limit.into())
            .with_header(REMAINING, HeaderValue::from(0_u16))
    }
}

/// A clock in microseconds that is never set back.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now_us(self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
