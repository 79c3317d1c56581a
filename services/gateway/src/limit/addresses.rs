//! Requests of people who have not signed in yet, such as logins, by their address. Each instance counts for itself.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::gcra::{Quota, Used};
use super::{Clock, Exceeded};

/// A whole minute's requests may come at once: this guards against floods, and people behind one address come in flocks.
const BURST: Duration = Duration::from_secs(60);
/// How many addresses are remembered. Beyond that newcomers share one limit, so that a flood from many addresses neither
/// fills the memory nor frees anybody.
const ADDRESSES: usize = 100_000;
const EVERYBODY_ELSE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The limit by address.
pub struct AddressLimit {
    per_minute: u32,
    clock: Clock,
    used: Mutex<HashMap<IpAddr, Used>>,
}

impl AddressLimit {
    /// `per_minute` requests from one address; no limit when 0.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, clock: Clock::start(), used: Mutex::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let (quota, now) = (Quota::new(self.per_minute, BURST), self.clock.now_us());
        let mut addresses = self.used();
        let mut network = network(address);
        if addresses.len() >= ADDRESSES && !addresses.contains_key(&network) {
            addresses.retain(|_, used| used.is_pending(now));
            if addresses.len() >= ADDRESSES {
                network = EVERYBODY_ELSE;
            }
        }
        let used = addresses.entry(network).or_default();
        let wait = used.wait(quota, now);
        if wait > Duration::ZERO {
            return Err(Exceeded { limit: self.per_minute, wait });
        }
        used.take(quota, now, 1);
        Ok(())
    }

    pub(super) fn sweep(&self) {
        let now = self.clock.now_us();
        self.used().retain(|_, used| used.is_pending(now));
    }

    fn used(&self) -> MutexGuard<'_, HashMap<IpAddr, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one client has at least: an IPv4 address, or all addresses with one first half of IPv6.
fn network(address: Option<IpAddr>) -> IpAddr {
    match address {
        Some(IpAddr::V6(address)) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        Some(address) => address,
        None => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limit: &AddressLimit, address: &str, times: usize) -> usize {
        let address = address.parse().ok();
        (0..times).filter(|_| limit.admit(address).is_ok()).count()
    }

    #[test]
    fn every_address_has_its_own_minute() {
        let limit = AddressLimit::new(60);
        assert_eq!(admitted(&limit, "10.0.0.1", 100), 60);
        assert_eq!(admitted(&limit, "10.0.0.2", 100), 60);
        let refused = limit.admit("10.0.0.1".parse().ok()).unwrap_err();
        assert!(refused.limit == 60 && refused.wait <= Duration::from_secs(1), "{refused:?}");
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let limit = AddressLimit::new(3);
        assert_eq!(admitted(&limit, "2001:db8::1", 2), 2);
        assert_eq!(admitted(&limit, "2001:db8::ffff:2", 2), 1);
        assert_eq!(admitted(&limit, "2001:db8:0:1::1", 2), 2);
    }

    #[test]
    fn without_a_limit_nothing_is_refused_or_remembered() {
        let limit = AddressLimit::new(0);
        assert_eq!(admitted(&limit, "10.0.0.1", 1_000), 1_000);
        assert!(limit.used().is_empty());
    }
}
