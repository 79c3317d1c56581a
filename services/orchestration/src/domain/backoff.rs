//! How long a task waits before its next attempt.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// The pause after `failures` failed attempts, with `jitter` between 0 and 1.
///
/// Source: "Full jitter" in Exponential Backoff And Jitter, AWS Architecture Blog, 2015; half of the pause is kept so
/// that a retry never comes at once.
#[must_use]
pub fn pause_after(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    doubled.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_the_longest() {
        assert_eq!(pause_after(1, 1.0), Duration::from_millis(500));
        assert_eq!(pause_after(2, 1.0), Duration::from_secs(1));
        assert_eq!(pause_after(3, 0.0), Duration::from_secs(1));
        assert_eq!(pause_after(40, 1.0), LONGEST);
    }
}
