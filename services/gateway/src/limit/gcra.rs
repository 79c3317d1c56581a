//! The generic cell rate algorithm: one moment per client says how much of its quota is used. Pure; Redis runs its twin
//! in `take.lua`.
//!
//! Source: "Virtual scheduling algorithm" in ITU-T I.371 (2004), appendix A.

use std::time::Duration;

const MINUTE_US: u64 = 60_000_000;

/// How often something may happen. Times are whole microseconds, rounded so that never more passes than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Between two events at the steady rate.
    interval_us: u64,
    /// What may come at once, as the time in which the steady rate brings as much.
    tolerance_us: u64,
}

/// What has been used: the moment at which nothing will be, in microseconds on the caller's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used(u64);

impl Quota {
    /// `per_minute` events (1 or more), `burst`'s worth of them at once, at least one.
    #[must_use]
    pub fn new(per_minute: u32, burst: Duration) -> Self {
        let interval_us = MINUTE_US.div_ceil(u64::from(per_minute.max(1)));
        let burst_us = u64::try_from(burst.as_micros()).unwrap_or(MINUTE_US);
        Self { interval_us, tolerance_us: burst_us.max(interval_us) }
    }

    /// Between two events at the steady rate, in microseconds.
    #[must_use]
    pub fn interval_us(self) -> u64 {
        self.interval_us
    }

    /// How far ahead of the clock the use may be, in microseconds.
    #[must_use]
    pub fn tolerance_us(self) -> u64 {
        self.tolerance_us
    }
}

impl Used {
    /// How many events may happen now.
    #[must_use]
    pub fn room(self, quota: Quota, now_us: u64) -> u64 {
        (quota.tolerance_us - self.ahead(quota, now_us)) / quota.interval_us
    }

    /// How long until one more event may happen; zero when it may now.
    #[must_use]
    pub fn wait(self, quota: Quota, now_us: u64) -> Duration {
        let needed = self.ahead(quota, now_us) + quota.interval_us;
        Duration::from_micros(needed.saturating_sub(quota.tolerance_us))
    }

    /// Counts events for which there was room.
    pub fn take(&mut self, quota: Quota, now_us: u64, events: u64) {
        self.0 = now_us + self.ahead(quota, now_us) + events * quota.interval_us;
    }

    /// Whether anything is still counted.
    #[must_use]
    pub fn is_pending(self, now_us: u64) -> bool {
        self.0 > now_us
    }

    fn ahead(self, quota: Quota, now_us: u64) -> u64 {
        self.0.saturating_sub(now_us).min(quota.tolerance_us)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND_US: u64 = 1_000_000;

    #[test]
    fn a_burst_passes_and_then_the_steady_rate() {
        let (quota, mut used) = (Quota::new(60, Duration::from_secs(10)), Used::default());
        assert_eq!(used.room(quota, 0), 10);
        used.take(quota, 0, 10);
        assert_eq!((used.room(quota, 0), used.wait(quota, 0)), (0, Duration::from_secs(1)));
        assert_eq!((used.room(quota, SECOND_US), used.wait(quota, SECOND_US)), (1, Duration::ZERO));
        assert_eq!(used.room(quota, 3 * SECOND_US), 3);
        assert!(used.is_pending(9 * SECOND_US) && !used.is_pending(10 * SECOND_US));
    }

    #[test]
    fn the_smallest_quota_still_lets_one_through() {
        let quota = Quota::new(1, Duration::from_secs(10));
        assert_eq!(Used::default().room(quota, 5), 1);
    }

    proptest! {
        /// Whoever takes all that there is room for, whenever he asks, gets no more in a minute than limit and burst.
        #[test]
        fn no_minute_holds_more_than_limit_and_burst(
            per_minute in 1_u32..5_000,
            burst_seconds in 0_u64..61,
            pauses in prop::collection::vec(0_u64..5_000_000, 1..200),
        ) {
            let quota = Quota::new(per_minute, Duration::from_secs(burst_seconds));
            let (mut used, mut now, mut taken) = (Used::default(), 0, Vec::new());
            for pause in pauses {
                now += pause;
                let room = used.room(quota, now);
                used.take(quota, now, room);
                taken.push((now, room));
            }
            let burst = quota.tolerance_us() / quota.interval_us();
            for (start, _) in &taken {
                let minute = taken.iter().filter(|(at, _)| (*start..=start + MINUTE_US).contains(at));
                let passed: u64 = minute.map(|(_, room)| room).sum();
                prop_assert!(passed <= u64::from(per_minute) + burst, "{passed} passed in a minute");
            }
        }
    }
}
