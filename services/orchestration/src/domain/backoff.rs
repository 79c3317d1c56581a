//! How long a task waits before its next attempt.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// A task's pauses: the first, doubled after each failure, up to the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Backoff {
    /// Pauses in milliseconds; 0 for the defaults.
    #[must_use]
    pub fn of(first_ms: u64, longest_ms: u64) -> Self {
        let or = |ms: u64, default| if ms == 0 { default } else { Duration::from_millis(ms) };
        let first = or(first_ms, FIRST);
        Self { first, longest: or(longest_ms, LONGEST.max(first)) }
    }

    /// The pause after `failures` failed attempts, with `jitter` between 0 and 1.
    ///
    /// Source: "Full jitter" in Exponential Backoff And Jitter, AWS Architecture Blog, 2015; half of the pause is kept
    /// so that a retry never comes at once.
    #[must_use]
    pub fn after(self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest);
        doubled.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_the_longest() {
        let usual = Backoff::of(0, 0);
        assert_eq!(usual.after(1, 1.0), Duration::from_millis(500));
        assert_eq!(usual.after(2, 1.0), Duration::from_secs(1));
        assert_eq!(usual.after(3, 0.0), Duration::from_secs(1));
        assert_eq!(usual.after(40, 1.0), LONGEST);
        assert_eq!(Backoff::of(10, 15).after(2, 1.0), Duration::from_millis(15));
        assert_eq!(Backoff::of(90_000, 0).after(9, 1.0), Duration::from_secs(90));
    }
}
